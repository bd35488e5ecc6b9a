"""What can go wrong at the command line and in the supervisor.

::

    SmolHogError                  one clear sentence, and what to do about it
    |-- SettingsInvalid           a setting cannot be what it is
    |-- AlreadyRunning            another SmolHog holds the data folder
    |-- FolderUnusable            the data folder cannot be made or written
    |-- PortTaken                 another program listens where SmolHog should
    |-- StartFailed               one of our processes cannot be started
    |-- ServiceUnreachable        a service that was asked for does not answer; retryable
    |-- SetupRefused              a service answered, and cannot be used as it is
    `-- ExtraMissing              a part of SmolHog that was not installed

All of them end a command with exit code 1 and no traceback. Anything else is a bug and shows one.
"""
# ruff: noqa: N818 - the names state the fact that a person meets

from pathlib import Path


class SmolHogError(Exception):
    """A command cannot do what was asked.

    Args:
        message: what is the matter, in one sentence.
        advice: what a person can do about it.
    """

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


class SettingsInvalid(SmolHogError):
    """A setting cannot be what it is."""


class AlreadyRunning(SmolHogError):
    """Another SmolHog holds the data folder.

    Args:
        pid: of the one that runs; ``None`` if it did not say.
        folder: the data folder.
    """

    def __init__(self, pid: int | None, folder: Path) -> None:
        who = f"pid {pid}" if pid is not None else "pid unknown"
        super().__init__(
            f"already running ({who}) on {folder}",
            "Stop it, or give another folder with SMOLHOG_DATA or --data.",
        )
        self.pid = pid
        self.folder = folder


class FolderUnusable(SmolHogError):
    """The data folder cannot be made or written."""


class PortTaken(SmolHogError):
    """Another program listens where SmolHog should."""


class StartFailed(SmolHogError):
    """One of our processes ended again and again and was never ready.

    Args:
        name: of the process.
        how: how it ended last.
        lines: what it said last.
        log: where it said more.
    """

    def __init__(self, name: str, how: str, lines: tuple[str, ...], log: Path) -> None:
        super().__init__(
            "\n".join((f"{name} cannot be started ({how}); it said:", *lines)), f"Its log: {log}"
        )


class ServiceUnreachable(SmolHogError):
    """A service does not answer; the same command may work later."""


class SetupRefused(SmolHogError):
    """A service answered, and cannot be used as it is."""


class ExtraMissing(SmolHogError):
    """A part of SmolHog that was not installed."""
