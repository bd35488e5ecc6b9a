"""Fixtures that every test may ask for; each module of them is about one service."""

import os

from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.fixtures_clickhouse",
    "tests.fixtures_postgres",
    "tests.fixtures_rabbitmq",
]

# Databases answer when they answer: no example has a deadline. HYPOTHESIS_PROFILE=thorough searches
# long enough to be worth leaving alone for an hour.
settings.register_profile(
    "quick", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=3000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
