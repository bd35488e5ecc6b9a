"""The command line: which commands there are, and how they fail."""

import logging
import sys

import typer

from smolhog.commands_about import metrics_command, settings_command, version_command
from smolhog.commands_audit import audit_command
from smolhog.commands_backup import backup_command, restore_command
from smolhog.commands_doctor import doctor_command
from smolhog.commands_flow import backfill_command, list_command, reset_command, run_command
from smolhog.commands_flow_files import graph_command, new_command, test_command
from smolhog.commands_import import import_command
from smolhog.commands_keys import keys_app, projects_app
from smolhog.commands_people import people_app
from smolhog.commands_plan import plan_command
from smolhog.commands_rejected import rejected_app
from smolhog.commands_run import (
    dataflow_command,
    demo_command,
    gateway_command,
    migrate_command,
    query_api_command,
    up_command,
)
from smolhog.commands_status import status_command
from smolhog.commands_verify import rebuild_command, verify_command
from smolhog.errors import SmolHogError
from smolhog.reference import commands_page
from smolhog.terminal import print_error

app = typer.Typer(
    name="smolhog",
    help="SmolHog: product analytics on your own machine.\n\nNew here? Run `smolhog demo`.",
    epilog="All settings are environment variables: docs/settings.md.",
    no_args_is_help=True,
    add_completion=False,
    # A bug shows Python's own traceback, without the values of local variables: they may be secrets.
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
flow_app = typer.Typer(
    help="Write, test and run dataflows of your own. docs/dataflows.md begins with an empty file.",
    no_args_is_help=True,
)
flow_app.command("new", epilog="Example: smolhog flow new revenue")(new_command)
flow_app.command("test", epilog="Example: smolhog flow test revenue")(test_command)
flow_app.command("run", epilog="Example: smolhog flow run flows/revenue/revenue.py --reload")(run_command)
flow_app.command("backfill", epilog="Example: smolhog flow backfill revenue --json")(backfill_command)
flow_app.command("list", epilog="Example: SMOLHOG_FLOWS=flows smolhog flow list --json")(list_command)
flow_app.command("graph", epilog="Example: smolhog flow graph revenue > revenue.mmd")(graph_command)
flow_app.command("reset", epilog="Example: smolhog flow reset revenue --yes")(reset_command)

app.command("up", epilog="Example: smolhog up --data ~/analytics")(up_command)
app.command("demo", epilog="Example: smolhog demo --rate 1000 --seconds 60")(demo_command)
app.command("import", epilog="Example: smolhog import clicks.csv --key sh_w_… --map distinct_id=customer")(
    import_command
)
app.add_typer(projects_app, name="projects")
app.add_typer(keys_app, name="keys")
app.add_typer(people_app, name="people")
app.add_typer(rejected_app, name="rejected")
app.add_typer(flow_app, name="flow")
app.command("status", epilog="Example: smolhog status --watch")(status_command)
app.command("doctor", epilog="Example: smolhog doctor --json")(doctor_command)
app.command("audit", epilog="Example: smolhog audit --limit 20")(audit_command)
app.command("migrate", epilog="Example: smolhog migrate --wait 60")(migrate_command)
app.command("verify", epilog="Example: smolhog verify --project shop --from -7d")(verify_command)
app.command("rebuild", epilog="Example: smolhog rebuild --from 2026-01-31T12:00:00Z --to now")(
    rebuild_command
)
app.command("backup", epilog="Example: smolhog backup ~/smolhog.backup")(backup_command)
app.command("restore", epilog="Example: smolhog restore ~/smolhog.backup --data ~/analytics")(restore_command)
app.command("plan", epilog="Example: smolhog plan --events-per-second 20000 --retention-days 90")(
    plan_command
)
app.command("version")(version_command)

app.command("gateway", hidden=True)(gateway_command)
app.command("dataflow", hidden=True, epilog="Example: smolhog dataflow --index 0 --total 2")(dataflow_command)
app.command("query-api", hidden=True)(query_api_command)
app.command("settings", hidden=True)(settings_command)
app.command("metrics", hidden=True)(metrics_command)


@app.command("commands", hidden=True)
def commands_command() -> None:
    """Print docs/cli.md."""
    sys.stdout.write(commands_page(typer.main.get_command(app)))


def main() -> None:
    """Run the command line; what a user can put right ends with a sentence and exit code 1."""
    for driver in ("clickhouse_connect", "aiormq", "aio_pika"):
        # What a driver logs about an error is in the error that we show.
        logging.getLogger(driver).addHandler(logging.NullHandler())
    try:
        app(prog_name="smolhog")
    except SmolHogError as error:
        print_error(error)
        sys.exit(1)
