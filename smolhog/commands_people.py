"""`smolhog people …`."""

from typing import Annotated

import typer
from rich.markup import escape

from smolhog.options import DataOption, JsonOption
from smolhog.progress import progress_bar
from smolhog.settings_loading import load_settings
from smolhog.terminal import ERR, OUT, print_json

people_app = typer.Typer(help="Delete a person everywhere.", no_args_is_help=True)

_REMAINS = """What remains: the event log keeps what was sent until its retention ({hours} h), and a gateway's spool until \
the broker has taken it; neither is counted or stored again. Backups and logs of yours are as they were. A digest of \
each id stays, so that the log does not bring the person back. What they send from now on counts as a new person's."""


@people_app.command("delete", epilog="Example: smolhog people delete --project shop user-1234")
def delete_command(
    person: Annotated[str, typer.Argument(help="Any id of the person.", show_default=False)],
    project: Annotated[
        str,
        typer.Option("--project", metavar="NAME", help="Name or number of the project.", show_default=False),
    ],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Annotated[float, typer.Option(min=1, help="Seconds to wait for the dataflow to come along.")] = 120,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a person: raw events, columnar copy, properties, links between ids, sessions, rejected events.

    All ids that were linked to the one given are the same person. The numbers of the hours in which the person did
    anything are counted anew, so the dataflow has to run. Events may stream in meanwhile. Stopped half way, run it
    again.

    Exit code: 0 done, 1 not done, 130 stopped by Ctrl-C.
    """
    # Here, so that other commands need not load the drivers of every service.
    from smolhog.repair import delete_person, ids_of_person  # noqa: PLC0415

    settings = load_settings(data)
    ids = ids_of_person(settings, project, person)
    if not yes:
        named = ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
        typer.confirm(
            f'Delete everything of {named} in project "{project}"? This cannot be undone.',
            abort=True,
            err=True,
        )
    try:
        with progress_bar("counting") as on_progress:
            report = delete_person(settings, project, ids, wait_seconds=wait, on_progress=on_progress)
    except KeyboardInterrupt:
        ERR.print("Stopped half way. Run the same command again to finish.")
        raise typer.Exit(130) from None
    if as_json:
        print_json(report)
        return
    OUT.print(
        f"Deleted {report.events:,} events of {report.ids:,} ids, and {report.rejected:,} rejected events of "
        f"{escape(person)}; counted {report.hours:,} hours anew."
    )
    OUT.print(_REMAINS.format(hours=settings.log_retention_hours), style="dim", soft_wrap=False)
