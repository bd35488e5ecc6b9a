"""What one client may send at once. Configurable, and told to clients in ``welcome``."""

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Upper bounds of the wire protocol; sizes in bytes, names in characters (code points)."""

    frame_bytes: int = 1024 * 1024
    batch_events: int = 1000
    event_bytes: int = 32 * 1024
    """Size of one event's ``properties`` as JSON."""
    name_length: int = 200
    nesting: int = 8
    """Depth of objects and arrays, ``properties`` itself being 1."""
    properties: int = 512


DEFAULT_LIMITS = Limits()
