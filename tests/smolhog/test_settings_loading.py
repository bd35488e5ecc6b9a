"""Settings as the command line reads them."""

from pathlib import Path

import pytest

from smolhog.errors import SettingsInvalid
from smolhog.settings import Settings
from smolhog.settings_loading import as_environment, load_settings, unknown_variables


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without smolhog.toml, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SMOLHOG_{name.upper()}", raising=False)


def test_the_command_line_beats_the_environment_which_beats_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """--data, then SMOLHOG_*, then smolhog.toml, then the defaults."""
    Path("smolhog.toml").write_text('data = "file"\ngateway_port = 1\nquery_port = 2\n')
    monkeypatch.setenv("SMOLHOG_DATA", "environment")
    monkeypatch.setenv("SMOLHOG_GATEWAY_PORT", "3")
    settings = load_settings(Path("line"))
    assert (settings.data, settings.gateway_port, settings.query_port) == (Path("line"), 3, 2)
    assert load_settings().data == Path("environment")


def test_each_wrong_setting_is_a_line_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback, no class names: the variable and what is wrong with it."""
    monkeypatch.setenv("SMOLHOG_GATEWAY_PORT", "eighty")
    monkeypatch.setenv("SMOLHOG_POSTGRES_URL", "mysql://localhost")
    with pytest.raises(SettingsInvalid) as invalid:
        load_settings()
    lines = invalid.value.message.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["SMOLHOG_POSTGRES_URL", "SMOLHOG_GATEWAY_PORT"]
    assert "docs/settings.md" in invalid.value.advice


def test_a_list_that_is_not_json_names_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists are JSON; a plain word is refused with the name of the setting."""
    monkeypatch.setenv("SMOLHOG_CORS_ORIGINS", "https://shop.example")
    with pytest.raises(SettingsInvalid, match="cors_origins"):
        load_settings()


def test_an_unknown_name_in_the_file_is_refused_with_a_suggestion() -> None:
    """A spelling mistake must not silently mean the default."""
    Path("smolhog.toml").write_text("gatway_port = 1\n")
    with pytest.raises(SettingsInvalid, match="no such setting; did you mean SMOLHOG_GATEWAY_PORT"):
        load_settings()


def test_a_file_that_is_not_toml_is_said_so() -> None:
    """The message names the file."""
    Path("smolhog.toml").write_text("gateway_port: 1\n")
    with pytest.raises(SettingsInvalid, match=r"smolhog\.toml is not TOML"):
        load_settings()


def test_a_missing_file_that_was_asked_for_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """SMOLHOG_CONFIG with a wrong path must not silently mean the defaults."""
    monkeypatch.setenv("SMOLHOG_CONFIG", "none.toml")
    with pytest.raises(SettingsInvalid, match=r"SMOLHOG_CONFIG: there is no file none\.toml"):
        load_settings()


def test_misspelt_variables_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor warns of variables that look like settings and are none."""
    monkeypatch.setenv("SMOLHOG_GATWAY_PORT", "1")
    assert unknown_variables() == ["SMOLHOG_GATWAY_PORT"]


def test_children_read_the_very_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the supervisor hands to its children gives equal settings, whatever their kinds."""
    settings = Settings(
        data=Path("/a b/c"),
        postgres_url="postgresql://u:p%40ss@db.example:5433/events",
        clickhouse_url="https://u:p@ch.example:8443/events",
        amqp_url="amqp://u:p@mq.example/%2Fhost",
        cors_origins=("https://a.example", "https://b.example"),
        log_json=False,
        epoch_seconds=0.25,
        geoip_file=Path("/geo.mmdb"),
    )
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


def test_secrets_are_read_from_files_behind_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SMOLHOG_SECRETS names a folder; a file in it beats smolhog.toml, and a variable beats the file."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "smolhog_postgres_url").write_text("postgresql://smolhog:secret@db/smolhog\n")
    (secrets / "smolhog_metrics_token").write_text("a-token-for-operators\n")
    (secrets / "somebody_elses").write_text("x")
    Path("smolhog.toml").write_text('postgres_url = "postgresql://file/"\nquery_port = 2\n')
    monkeypatch.setenv("SMOLHOG_SECRETS", str(secrets))
    monkeypatch.setenv("SMOLHOG_METRICS_TOKEN", "another-token-for-operators")
    settings = load_settings()
    assert settings.postgres_url == "postgresql://smolhog:secret@db/smolhog"
    assert settings.metrics_secret == "another-token-for-operators"
    assert settings.query_port == 2


def test_a_wrong_secret_is_named_like_any_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the setting and not what is in the file; a folder that is not there is said, too."""
    (tmp_path / "smolhog_metrics_token").write_text("short")
    monkeypatch.setenv("SMOLHOG_SECRETS", str(tmp_path))
    with pytest.raises(SettingsInvalid, match="SMOLHOG_METRICS_TOKEN") as invalid:
        load_settings()
    assert "short\n" not in invalid.value.message
    monkeypatch.setenv("SMOLHOG_SECRETS", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsInvalid, match="there is no folder"):
        load_settings()
