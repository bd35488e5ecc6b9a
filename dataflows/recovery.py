"""Makes the store that Bytewax keeps snapshots in."""

from pathlib import Path

from bytewax.recovery import init_db_dir


def create_recovery_store(recovery: Path) -> None:
    """Create the store whole or not at all.

    Args:
        recovery: its folder, in one that exists.
    """
    new = recovery.with_name("recovery.new")
    if new.exists():
        for leftover in new.iterdir():
            leftover.unlink()
    new.mkdir(exist_ok=True)
    init_db_dir(new, 1)
    new.rename(recovery)
