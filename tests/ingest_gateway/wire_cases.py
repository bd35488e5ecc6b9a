"""The wire cases of `schemas/cases/`, which the SDKs' tests read too."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parents[2] / "schemas" / "cases"


@dataclass(frozen=True)
class WireCase:
    """One frame, and what the gateway makes of it."""

    name: str
    frame: bytes
    error: str | None
    verdicts: list[dict[str, Any]]
    events: list[dict[str, Any]]


def wire_cases() -> list[WireCase]:
    """Read all cases; the file's name stands before each case's own."""
    found = []
    for file in sorted(_FOLDER.glob("*.json")):
        for case in json.loads(file.read_text()):
            encoded = case.get("input_base64")
            found.append(
                WireCase(
                    name=f"{file.stem}: {case['name']}",
                    frame=base64.b64decode(encoded) if encoded is not None else case["input"].encode(),
                    error=case.get("error"),
                    verdicts=case.get("verdicts", []),
                    events=case.get("events", []),
                )
            )
    return found


def vendor_cases(vendor: str) -> list[dict[str, Any]]:
    """Read a vendor's cases: requests, their answers, and what becomes of their events."""
    found: list[dict[str, Any]] = json.loads((_FOLDER / "vendors" / f"{vendor}.json").read_text())
    return found


def vendor_body(case: dict[str, Any]) -> bytes:
    """Return the body of a vendor's case."""
    return base64.b64decode(case["body_base64"]) if "body_base64" in case else case["body"].encode()


def vendor_bodies(vendor: str) -> list[bytes]:
    """Return the bodies of all cases of a vendor."""
    return [vendor_body(case) for case in vendor_cases(vendor)]
