"""Fixtures that every test may ask for; each module of them is about one service."""

pytest_plugins = [
    "tests.fixtures_clickhouse",
    "tests.fixtures_postgres",
    "tests.fixtures_rabbitmq",
]
