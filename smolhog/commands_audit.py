"""`smolhog audit`."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from projects.audit import read_audit
from smolhog.options import DataOption, JsonOption
from smolhog.settings_loading import load_settings
from smolhog.stores import postgres_connection
from smolhog.terminal import OUT, print_json


def audit_command(
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many entries.")] = 50,
    before: Annotated[
        int | None, typer.Option(help="Only entries with a lower number.", show_default=False)
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what administrators did, the newest first: projects, keys, pauses, deletions."""
    with postgres_connection(load_settings(data)) as connection:
        entries = read_audit(connection, limit=limit, before=before)
    if as_json:
        rows = [asdict(entry) for entry in entries]
        print_json(rows)
        return
    if not entries:
        OUT.print("Nothing yet.")
        return
    table = Table("number", "when", "who", "what", "project", "details")
    for entry in entries:
        table.add_row(
            str(entry.audit_id),
            f"{entry.at:%Y-%m-%d %H:%M:%S} UTC",
            escape(entry.who),
            entry.action,
            "all" if entry.project_id is None else str(entry.project_id),
            escape(
                ", ".join(
                    f"{name}={value}" for name, value in entry.details.items() if value not in (None, "")
                )
            ),
        )
    OUT.print(table)
