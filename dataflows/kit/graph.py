"""Draws a flow as a Mermaid diagram: its input, its steps by their names, its outputs. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from bytewax.dataflow import Dataflow
from bytewax.visualize import RenderedOperator, to_rendered

_SOURCE = "source"


def draw(dataflow: Dataflow, source: str, sinks: Mapping[str, str]) -> str:
    """Return the diagram.

    Args:
        dataflow: of the flow.
        source: its input, in words.
        sinks: step -> output, in words.
    """
    lines = ["flowchart TD"]
    for step in to_rendered(dataflow).substeps:
        name = step.step_name
        if name == _SOURCE:
            lines.append(f"    {name}([{_text(source)}])")
            continue
        shape = (
            f"[({_text(f'{name}: {sinks[name]}')})]" if name in sinks else f"[{_text(name, step.op_type)}]"
        )
        lines.append(f"    {name}{shape}")
        lines += [f"    {before} --> {name}" for before in dict.fromkeys(_inputs(step)) if before != name]
    return "\n".join(lines) + "\n"


def _text(*parts: str) -> str:
    # Quoted, so that brackets and colons are no syntax; quotes themselves have a code.
    return '"' + "<br>".join(parts).replace('"', "#quot;") + '"'


def _inputs(step: RenderedOperator) -> Iterator[str]:
    """Yield the steps of the flow that this one takes from: also what only its inner steps tell of."""
    for port in step.inp_ports:
        for stream in port.from_stream_ids:
            yield stream.split(".")[1]
    inner: list[Any] = step.substeps
    for each in inner:
        yield from _inputs(each)
