"""`smolhog doctor`."""

import typer
from rich.markup import escape

from smolhog.checks import (
    Check,
    Status,
    check_embedded,
    check_folder,
    check_python,
    check_running,
    check_servers,
    check_variables,
)
from smolhog.options import DataOption, JsonOption
from smolhog.settings_loading import load_settings
from smolhog.terminal import OUT, print_json

_STYLES = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "red"}


def doctor_command(*, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Check this machine and all services, and say what to do about each problem.

    Exit code 1 when something fails; what is only not running is a warning.
    """
    # Here, so that other commands need not load the drivers of every service.
    from smolhog.service_checks import (  # noqa: PLC0415
        check_clickhouse,
        check_event_log,
        check_postgres,
    )

    settings = load_settings(data)
    checks = [
        *check_python(),
        *check_variables(),
        *check_folder(settings),
        *check_embedded(settings),
        *check_running(settings),
        *check_postgres(settings),
        *check_clickhouse(settings),
        *check_event_log(settings),
        *check_servers(settings),
    ]
    if as_json:
        print_json(checks)
    else:
        for check in checks:
            _print(check)
    if any(check.status is Status.FAIL for check in checks):
        raise typer.Exit(1)


def _print(check: Check) -> None:
    style = _STYLES[check.status]
    OUT.print(f"[{style}]{check.status.value:<4}[/]  {check.part:<17}  {escape(check.text)}")
    if check.advice:
        OUT.print(f"{'':<25}[dim]-> {escape(check.advice)}[/]")
