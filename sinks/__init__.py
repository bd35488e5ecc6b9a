"""Where events end up: PostgreSQL for raw events, ClickHouse for rollups and analysis."""
