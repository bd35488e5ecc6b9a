"""Settings as the command line reads them: wrong ones become sentences, and children inherit them."""

import json
import os
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError

from smolhog.errors import SettingsInvalid
from smolhog.settings import Settings

PREFIX = "SMOLHOG_"
# Variables that carry the prefix and are not settings of the pipeline.
OTHER_VARIABLES = {
    "SMOLHOG_CONFIG": "A TOML file with settings, by their names in small letters without `SMOLHOG_`. "
    "Not set: `smolhog.toml` in the current folder, if there is one.",
    "SMOLHOG_SECRETS": "A folder with a file for each setting that is a secret, named like the variable in small "
    "letters: `smolhog_postgres_url`. Not set: none.",
    "SMOLHOG_WRITE_KEY": "The write key that `smolhog import` uses when `--key` is not given.",
    "SMOLHOG_EMBEDDED_CLICKHOUSE_PASSWORD": "Password of the embedded ClickHouse engine, which only this "
    "machine can reach. Not set: none.",
}


def load_settings(data: Path | None = None) -> Settings:
    """Read the settings.

    Args:
        data: the data folder, when the command line names one; it beats the environment.

    Raises:
        SettingsInvalid: a line for each wrong setting.
    """
    config = os.environ.get("SMOLHOG_CONFIG")
    if config is not None and not Path(config).is_file():
        raise SettingsInvalid(f"SMOLHOG_CONFIG: there is no file {config}", "Correct the path, or unset it.")
    secrets = os.environ.get("SMOLHOG_SECRETS")
    if secrets is not None and not Path(secrets).is_dir():
        raise SettingsInvalid(
            f"SMOLHOG_SECRETS: there is no folder {secrets}", "Correct the path, or unset it."
        )
    overrides: dict[str, Any] = {} if data is None else {"data": data}
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [_sentence(problem["loc"], problem["msg"], problem["type"]) for problem in error.errors()]
        raise SettingsInvalid("\n".join(lines), _ADVICE) from error
    except SettingsError as error:
        # For example a list that is not JSON; the text names the field and the source.
        raise SettingsInvalid(f"{error}: {error.__cause__}", _ADVICE) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"{config or 'smolhog.toml'} is not TOML: {error}", _ADVICE) from error


_ADVICE = "docs/settings.md lists all settings; `smolhog doctor` checks them."


def _sentence(location: tuple[int | str, ...], message: str, kind: str) -> str:
    name = variable(str(location[0])) if location else "settings"
    if kind == "extra_forbidden":
        return f"{name}: there is no such setting{suggestion(name)}"
    return f"{name}: {message[0].lower()}{message[1:]}"


def variable(field: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + field.upper()


def known_variables() -> set[str]:
    """Return all environment variables that mean something to SmolHog."""
    return {variable(field) for field in Settings.model_fields} | OTHER_VARIABLES.keys()


def unknown_variables() -> list[str]:
    """Return those in the environment that look like settings and are none, sorted."""
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known_variables())


def suggestion(name: str) -> str:
    """Return ``; did you mean X?`` for a name that is nearly right, or nothing."""
    matches = get_close_matches(name, known_variables(), n=1)
    return f"; did you mean {matches[0]}?" if matches else ""


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the variables from which another process reads these very settings."""
    environment = {}
    for field in Settings.model_fields:
        value = getattr(settings, field)
        if value is None:
            continue
        environment[variable(field)] = _as_text(value)
    return environment


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return json.dumps(value)
    return str(value)
