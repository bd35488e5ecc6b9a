"""The reference pages of the documentation, written from the code that they describe."""

from typing import Any

from prometheus_client.metrics import MetricWrapperBase

from smolhog import metrics
from smolhog.capacity import read_capacity
from smolhog.settings import Settings
from smolhog.settings_loading import OTHER_VARIABLES, variable

_SETTINGS_HEAD = """\
# Settings

Written by `smolhog settings --markdown`; a test keeps it complete.

Every process reads the same settings: from the environment, then from the folder that `SMOLHOG_SECRETS`
names (a file for each, named like the variable in small letters), then from a TOML file (`smolhog.toml`
in the current folder, or the one that `SMOLHOG_CONFIG` names; there the names are in small letters
without `SMOLHOG_`), then the defaults below. `--data` on the command line beats them all.

| environment variable | default | meaning |
|---|---|---|
"""
_METRICS_HEAD = """\
# Metrics

Written by `smolhog metrics --markdown`; a test keeps it complete.

Every process has those that it counts, and Python's usual `process_*` and `python_*`, at `/metrics`: the
gateway and the query API on their own ports, a dataflow on `SMOLHOG_METRICS_PORT` plus its number. They
answer this machine, and others with `SMOLHOG_METRICS_TOKEN`. Counting happens once a batch or write.
`infra/observability/prometheus/rules.yml` derives `smolhog:…` series from them and alerts.

"""
_TELEMETRY_HEAD = """\
**What they cost**, in CPU time ([performance.md](performance.md), run of {day} on {cores} cores of {cpu}). The first two
are shares of the gateway's and the dataflow's own work, measured in turns within one process; single runs differ by one
or two percent. The last is the share of what all processes spend, stores included. Traces are those of
the default ratio, sent to a collector.

| events in a batch | metrics | metrics and traces | both, of the whole stack |
|--:|--:|--:|--:|
"""
_METRICS_TABLE = """
| metric | kind | labels | meaning |
|---|---|---|---|
"""
_CLI_HEAD = """\
# Command line

Written by `smolhog commands`; a test keeps it complete. `smolhog COMMAND --help` says the same.

Exit codes: 0 done; 1 not done, with one sentence that says why and what to do; 2 the command line
itself is wrong; 130 interrupted.
"""


def settings_rows() -> list[tuple[str, str, str]]:
    """Return name, default and meaning of each setting, in the order of their definition."""
    return [
        (variable(name), _default(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def settings_page() -> str:
    """Return docs/settings.md."""
    lines = [
        f"| `{name}` | {_code(default)} | {_cell(meaning)} |" for name, default, meaning in settings_rows()
    ]
    others = [f"| `{name}` | {_cell(meaning)} |" for name, meaning in OTHER_VARIABLES.items()]
    return (
        _SETTINGS_HEAD
        + "\n".join(lines)
        + "\n\nThese variables are no settings of the pipeline:\n\n| environment variable | meaning |\n|---|---|\n"
        + "\n".join(others)
        + "\n"
    )


def metrics_rows() -> list[tuple[str, str, str, str]]:
    """Return name, kind, labels and meaning of each metric, in the order of their definition."""
    rows = []
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            # The library tells none of this in any other way.
            kind = str(metric._type)  # noqa: SLF001
            # A counter's own name lacks the suffix that it is asked for with.
            name = metric._name + ("_total" if kind == "counter" else "")  # noqa: SLF001
            rows.append((name, kind, ", ".join(metric._labelnames), metric._documentation))  # noqa: SLF001
    return rows


def metrics_page() -> str:
    """Return docs/metrics.md."""
    return (
        _METRICS_HEAD
        + _telemetry_costs()
        + _METRICS_TABLE
        + "".join(
            f"| `{name}` | {kind} | {labels} | {_cell(meaning)} |\n"
            for name, kind, labels, meaning in metrics_rows()
        )
    )


def _telemetry_costs() -> str:
    measured = read_capacity()
    rows = "".join(
        f"| {costs.batch} | {costs.metrics_percent:.1f} % | {costs.all_percent:.1f} % | {costs.stack_percent:.1f} % |\n"
        for costs in measured.telemetry
    )
    return (
        _TELEMETRY_HEAD.format(day=measured.measured_on[:10], cores=measured.cores, cpu=measured.cpu) + rows
    )


def commands_page(command: Any) -> str:
    """Return docs/cli.md.

    Args:
        command: the command group, as ``typer.main.get_command`` returns it.
    """
    return _CLI_HEAD + "".join(_command_section(path, found) for path, found in walk(command))


def walk(command: Any, path: str = "smolhog") -> list[tuple[str, Any]]:
    """Return all commands below a group with their full names, the hidden ones last."""
    found = []
    for name, child in sorted(command.commands.items(), key=lambda item: item[1].hidden):
        full = f"{path} {name}"
        found += walk(child, full) if hasattr(child, "commands") else [(full, child)]
    return found


def _command_section(path: str, command: Any) -> str:
    words = [path]
    rows = []
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            words.append(parameter.name.upper())
            rows.append((parameter.name.upper(), parameter.help or ""))
        elif "--help" not in parameter.opts:
            names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
            rows.append((names, (parameter.help or "") + _option_default(parameter)))
    text = f"\n## `{' '.join(words)}`\n\n{_paragraphs(command.help)}\n"
    if rows:
        text += "\n| | |\n|---|---|\n" + "".join(f"| {name} | {_cell(meaning)} |\n" for name, meaning in rows)
    if command.epilog:
        text += f"\n{command.epilog}\n"
    return text


def _option_default(option: Any) -> str:
    if option.required:
        return " [required]"
    silent = option.default is None or isinstance(option.default, bool) or option.default in ("", ())
    return "" if silent else f" [default: {option.default}]"


def _paragraphs(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n")).strip()


def _default(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)


def _code(default: str) -> str:
    return default if default == "not set" else f"`{default}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
