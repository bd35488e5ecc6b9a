"""Sizes and durations as people read them."""


def bytes_text(size: float) -> str:
    """Return a size for people.

    >>> bytes_text(1536 * 1024**2)
    '1.5 GiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.{unit == 'GiB':d}f} {unit}"
        size /= 1024
    return f"{size:,.1f} TiB"


def duration_text(seconds: float) -> str:
    """Return a duration for people, to its two largest units.

    >>> duration_text(3723)
    '1 h 2 min'
    """
    whole = round(seconds)
    for size, unit, smaller_size, smaller in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller_size
            return f"{whole // size} {unit} {rest} {smaller}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"
