"""How far a flow's backfill is, on a terminal: a bar for raw events or files, and one for the log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from smolhog.flow_catch_up import Amount, CatchUp
from smolhog.terminal import ERR


class _AmountColumn(ProgressColumn):
    """How much of how much, and how fast."""

    def render(self, task: Task) -> Text:
        of = "" if task.total is None else f"/{task.total:,.0f}"
        rate = "" if task.speed is None else f"  {task.speed:,.0f}/s"
        return Text(f"{task.completed:,.0f}{of}{rate}")


@contextmanager
def catch_up_bar(flow: str) -> Iterator[Callable[[CatchUp], None]]:
    """Show bars while the block runs; it gets a function to be told how far the flow is."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        _AmountColumn(),
        TimeRemainingColumn(),
        console=ERR,
        transient=True,
        disable=not ERR.is_terminal,
    ) as bar:
        tasks: dict[str, TaskID] = {"starts": bar.add_task(f"{flow} starts", total=None)}

        def paint(name: str, amount: Amount) -> None:
            if (starts := tasks.pop("starts", None)) is not None:
                bar.remove_task(starts)
            if name not in tasks:
                tasks[name] = bar.add_task(f"{flow}: {name}", total=amount.total)
            bar.update(tasks[name], completed=amount.done, total=amount.total)

        def show(progress: CatchUp) -> None:
            if progress.events is not None:
                paint("events", progress.events)
            if progress.messages is not None:
                paint("log messages", progress.messages)

        yield show
