"""The compose file as compose reads it: merged, and with its variables put in."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
FILE = INFRA / "docker-compose.yml"

# ${NAME:-default}; nothing else is used.
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def load(variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the file with these variables, and the defaults of all others."""
    given = variables or {}

    def value(match: re.Match[str]) -> str:
        return given.get(match[1]) or match[2]

    compose: dict[str, Any] = yaml.safe_load(VARIABLE.sub(value, FILE.read_text()))
    return compose


def services(variables: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """Return all services, those of profiles too."""
    found: dict[str, dict[str, Any]] = load(variables)["services"]
    return found


def ours(variables: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """Return the services that run our image."""
    return {
        name: service
        for name, service in services(variables).items()
        if service["image"].startswith("smolhog:")
    }


def settings_of(service: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment that a service gives its process; what it only passes on is left out."""
    return {name: str(value) for name, value in service.get("environment", {}).items() if value is not None}


def clean_environment() -> dict[str, str]:
    """Return this process's environment without settings of SmolHog."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SMOLHOG_")}
