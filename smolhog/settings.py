"""Settings: one frozen object a process, read from the environment and from a file.

Nothing else reads the environment. ``docs/settings.md`` is the table of all of them; a test keeps
it complete. Precedence: environment, then ``SMOLHOG_SECRETS`` (a folder with a file for each secret),
then ``SMOLHOG_CONFIG`` (a TOML file, ``smolhog.toml`` in the current folder by default), then the
defaults below.
"""

import os
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, UrlConstraints
from pydantic_core import Url
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from schemas.limits import Limits
from smolhog.connection_limits import ConnectionLimits
from smolhog.embedded.postgres_cluster import Cluster

AmqpUrl = Annotated[Url, UrlConstraints(allowed_schemes=["amqp", "amqps"])]
HttpUrl = Annotated[Url, UrlConstraints(allowed_schemes=["http", "https"])]


class Settings(BaseSettings):
    """Every setting of SmolHog; the environment variable is the name in capitals after ``SMOLHOG_``."""

    model_config = SettingsConfigDict(env_prefix="SMOLHOG_", frozen=True, extra="forbid")

    data: Path = Field(
        default=Path("smolhog-data"),
        description="The one folder that holds all state: embedded services, dedup index, recovery store.",
    )

    postgres_url: str | None = Field(
        default=None,
        pattern="^postgres(ql)?://",
        description="PostgreSQL 15 or newer, as libpq reads it. Not set: the embedded one.",
    )
    clickhouse_url: HttpUrl | None = Field(
        default=None,
        description="ClickHouse 24.8 or newer over HTTP, with user, password and database. "
        "Not set: the embedded engine.",
    )
    clickhouse_cluster: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_.{}-]+$",
        description="Cluster of ClickHouse servers, by its name in their configuration (or `{cluster}`, their macro): "
        "`migrate` spreads all tables over its shards and replicas. Fixed once there are tables. Not set: one server.",
    )
    amqp_url: AmqpUrl | None = Field(
        default=None,
        description="RabbitMQ 3.10 or newer, which then holds the event log. "
        "Not set: SQLite in the data folder.",
    )

    gateway_host: str = Field(default="127.0.0.1", description="Address that the gateway listens on.")
    gateway_port: int = Field(default=8400, ge=0, le=65535, description="Port of the gateway.")
    query_host: str = Field(default="127.0.0.1", description="Address that the query API listens on.")
    query_port: int = Field(default=8401, ge=0, le=65535, description="Port of the query API.")
    postgres_port: int = Field(
        default=8402, ge=1, le=65535, description="Loopback port of the embedded PostgreSQL."
    )
    clickhouse_port: int = Field(
        default=8403, ge=1, le=65535, description="Loopback port of the embedded ClickHouse engine."
    )
    metrics_host: str = Field(
        default="127.0.0.1", description="Address that the dataflow processes' metrics listen on."
    )
    metrics_port: int = Field(
        default=8410,
        ge=0,
        le=65535,
        description="First port of the dataflow processes' metrics; the next process takes the next one.",
    )
    cors_origins: tuple[str, ...] = Field(
        default=("*",), description="Origins whose pages may send events; `*` for all."
    )
    trusted_proxies: str | None = Field(
        default=None,
        pattern=r"^(\*|[0-9a-fA-F.:/]+)(\s*,\s*(\*|[0-9a-fA-F.:/]+))*$",
        description="Addresses or networks of reverse proxies, with commas between: their `X-Forwarded-For` is "
        "believed. Not set: nobody's.",
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Opens `/metrics` of all processes and `/openapi.json` of the servers to other machines, as "
        "`Authorization: Bearer …`. Not set: they answer this machine only.",
    )
    max_connections: int = Field(
        default=20_000, ge=1, description="Connections that the gateway, or the query API, holds at once."
    )
    max_connections_per_address: int = Field(
        default=5_000,
        ge=1,
        description="Those of one client address. Trusted proxies are exempt; behind them the WebSocket "
        "connections of each client count.",
    )
    max_connections_per_key: int = Field(
        default=10_000,
        ge=1,
        description="WebSocket connections that one write key holds at once in a gateway.",
    )
    max_events_per_second: int = Field(
        default=0,
        ge=0,
        description="Events a second that one write key may send to a gateway for long; beyond, clients are told to "
        "wait and lose nothing. 0 for any number.",
    )
    burst_events: int = Field(
        default=50_000,
        ge=1,
        description="Events that a write key which was silent may send at once, where that rate is limited.",
    )

    partitions: int = Field(
        default=2,
        ge=1,
        le=1024,
        description="Partitions of the event log, so dataflow processes at most. Fixed once the log exists.",
    )
    log_retention_bytes: int = Field(
        default=4 * 1024**3, ge=1024**2, description="Size at which a partition forgets its oldest messages."
    )
    log_retention_hours: int = Field(
        default=7 * 24, ge=1, description="Age at which a partition forgets its oldest messages."
    )

    max_frame_bytes: int = Field(
        default=Limits().frame_bytes, ge=1024, description="Largest frame or request body, decompressed."
    )
    max_batch_events: int = Field(
        default=Limits().batch_events, ge=1, description="Most events in one batch."
    )
    max_event_bytes: int = Field(
        default=Limits().event_bytes, ge=256, description="Largest JSON of one event's properties."
    )
    gateway_buffer_bytes: int = Field(
        default=64 * 1024**2,
        ge=1024**2,
        description="Bytes that the gateway holds between a client and the log's confirmation; "
        "more makes it ask clients to slow down.",
    )

    spool_bytes: int = Field(
        default=2 * 1024**3,
        ge=1024**2,
        description="Disk that the gateway may use for events while RabbitMQ is away; "
        "when it is full, clients are told to come back later.",
    )

    dataflow_processes: int = Field(
        default=1, ge=1, description="Dataflow processes that `smolhog up` starts; they share the partitions."
    )
    epoch_seconds: float = Field(
        default=1.0,
        gt=0,
        le=60,
        description="Time between two snapshots of a dataflow, and from an event's arrival to its row in PostgreSQL "
        "at most, roughly.",
    )
    rollup_grace_seconds: int = Field(
        default=120,
        ge=0,
        description="Log time after the end of a bucket at which its cells are closed. "
        "Later events still count.",
    )
    breakdown_values: int = Field(
        default=100,
        ge=1,
        description="Values of one property that an event's bucket tells apart in each partition; "
        "the rest counts as `$other`.",
    )
    dedup_days: int = Field(default=8, ge=7, description="Days for which a repeated event id is recognised.")
    max_rejected_ratio: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="A dataflow stops when it refuses more than this part of 10,000 events that the gateway took: "
        "that is a fault, not bad events. 1 never stops.",
    )
    geoip_file: Path | None = Field(
        default=None, description="MaxMind DB file (City or Country) for `$country`, `$region`, `$city`."
    )

    flows: str | None = Field(
        default=None,
        description="Flows that `smolhog up` runs beside its own dataflow, each in a process of its own: files, or folders "
        "that hold a folder for each flow, with commas between. Not set: none.",
    )
    flow_metrics_port: int = Field(
        default=8430,
        ge=0,
        le=65535,
        description="First port of the flows' metrics; the next flow takes the next one. They listen on "
        "`SMOLHOG_METRICS_HOST`.",
    )

    otlp_url: HttpUrl | None = Field(
        default=None,
        description="Where traces go, as OTLP over HTTP, such as `http://jaeger:4318`. Not set: no traces.",
    )
    trace_ratio: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Part of the batches and questions that is traced; unless it is 1, a process begins at most five "
        "traces a second.",
    )
    trace_slow_seconds: float = Field(
        default=5.0,
        gt=0,
        description="A batch or question that takes longer, or fails, is traced whether it was drawn or not.",
    )

    log_level: str = Field(
        default="info", pattern="^(debug|info|warning|error)$", description="Least level logged."
    )
    log_json: bool | None = Field(
        default=None, description="Logs as JSON lines. Not set: unless standard error is a terminal."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the folder of secrets and the TOML file behind the environment."""
        del dotenv_settings, file_secret_settings
        secrets = SecretsSettingsSource(settings_cls, os.environ.get("SMOLHOG_SECRETS"))
        file = Path(os.environ.get("SMOLHOG_CONFIG", "smolhog.toml"))
        return init_settings, env_settings, secrets, TomlConfigSettingsSource(settings_cls, file)

    @cached_property
    def limits(self) -> Limits:
        """What one client may send at once."""
        return Limits(
            frame_bytes=self.max_frame_bytes,
            batch_events=self.max_batch_events,
            event_bytes=self.max_event_bytes,
        )

    @property
    def connection_limits(self) -> ConnectionLimits:
        """How many connections a server holds at once."""
        return ConnectionLimits(
            overall=self.max_connections,
            per_address=self.max_connections_per_address,
            per_key=self.max_connections_per_key,
        )

    @property
    def metrics_secret(self) -> str | None:
        """The metrics token in the clear, for those who compare it."""
        return None if self.metrics_token is None else self.metrics_token.get_secret_value()

    @property
    def log_retention(self) -> timedelta:
        """Age at which a partition of the event log forgets its oldest messages."""
        return timedelta(hours=self.log_retention_hours)

    @property
    def postgres_dsn(self) -> str:
        """Where PostgreSQL is: the URL given, or the embedded one's.

        Raises:
            FolderUnusableError: the embedded one was never started in this data folder.
        """
        if self.postgres_url is not None:
            return self.postgres_url
        return Cluster(self.data.absolute() / "postgres").url()

    @property
    def clickhouse_dsn(self) -> str:
        """Where ClickHouse is: the URL given, or the embedded engine's."""
        if self.clickhouse_url is not None:
            return str(self.clickhouse_url)
        return f"http://127.0.0.1:{self.clickhouse_port}/smolhog"

    @property
    def event_log_url(self) -> str:
        """Where the event log is: the broker given, or SQLite files in the data folder."""
        if self.amqp_url is not None:
            return str(self.amqp_url)
        return f"sqlite:///{(self.data / 'log').absolute()}"
