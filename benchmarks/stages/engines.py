"""Events by name and minute: the same count by SmolHog's steps, plain Bytewax, and Pathway.

Each runs alone, in one worker of one process. SmolHog's steps do far more than the others here: they check, drop repeats,
put context, break down by every property, and make the rows of both stores.
"""

import csv
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.results import Group, LossCheck, Result, Skipped
from benchmarks.stages.steps import measure_steps
from benchmarks.traffic import encoded_events

_PATHWAY = Path(__file__).parents[1] / "baselines" / "pathway_window.py"
_PATIENCE_SECONDS = 600


def measure_engines(events: int, pathway_python: Path | None) -> tuple[list[Result], list[Skipped]]:
    """Count the same events in every engine there is.

    Args:
        events: how many.
        pathway_python: an interpreter that has Pathway, which brings a hundred packages of its own.
    """
    skipped: list[Skipped] = []
    steps = measure_steps(events, rounds=1)
    results = [
        replace(steps, name="engine-smolhog", title="SmolHog's steps, all of them", group=Group.ENGINE)
    ]
    with tempfile.TemporaryDirectory(prefix="smolhog-bench-") as name:
        folder = Path(name)
        source = folder / "events.jsonl"
        with source.open("wb") as file:
            file.writelines(encoded + b"\n" for encoded, _ in encoded_events(events, seed=1))
        counts = folder / "bytewax.jsonl"
        seconds = _run([sys.executable, "-m", "benchmarks.baselines.fold_window", str(source), str(counts)])
        found = sum(json.loads(line)[2] for line in counts.read_text().splitlines())
        results.append(
            _result("engine-bytewax", "Plain Bytewax, fold_window over events", events, seconds, found)
        )
        counts = folder / "kit.jsonl"
        seconds = _run([sys.executable, "-m", "benchmarks.stages.kit_window", str(source), str(counts)])
        found = sum(json.loads(line)[2] for line in counts.read_text().splitlines())
        results.append(
            _result("engine-kit", "A flow of SmolHog's kit, tumbling windows", events, seconds, found)
        )
        if pathway_python is None:
            skipped.append(Skipped("engine-pathway", "no interpreter with Pathway was named"))
        else:
            counts = folder / "pathway.csv"
            seconds = _run([str(pathway_python), str(_PATHWAY), str(source), str(counts)])
            with counts.open(newline="") as file:
                found = sum(int(row["events"]) * int(row["diff"]) for row in csv.DictReader(file))
            results.append(
                _result("engine-pathway", "Pathway, tumbling window, batch mode", events, seconds, found)
            )
    return results, skipped


def _run(command: list[str]) -> float:
    """Run an engine; returns the seconds that it printed, its start-up not counted.

    Raises:
        RuntimeError: it failed.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:3])} failed:\n{done.stderr[-2000:]}")
    return float(done.stdout.splitlines()[-1])


def _result(name: str, title: str, events: int, seconds: float, found: int) -> Result:
    return Result(
        name=name,
        title=title,
        group=Group.ENGINE,
        events=events,
        seconds=seconds,
        checks=(LossCheck("events counted", events, found),),
    )
