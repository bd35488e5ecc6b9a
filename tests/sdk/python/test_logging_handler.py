"""Log records as events."""

import logging
from typing import Any

import pytest

from smolhog_client import InvalidEventError, SmolHogHandler


class Tracked:
    """Takes what is tracked."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []

    def track(self, event: str, distinct_id: str, properties: dict[str, Any], /) -> str:
        """Keep it, unless it is one that no JSON can hold."""
        if event == "bad":
            raise InvalidEventError("invalid_field", "no")
        self.events.append((event, distinct_id, properties))
        return "id"


def logger_of(client: Tracked) -> logging.Logger:
    """Make a logger that nobody else has."""
    logger = logging.Logger("shop")  # noqa: LOG001 - named loggers are kept for ever, with their handlers
    logger.addHandler(SmolHogHandler(client))
    return logger


def fail() -> None:
    """Raise what the program has to log."""
    raise LookupError


def test_records_become_events() -> None:
    """Level, logger, words and ``extra`` are told; values that JSON cannot hold become text."""
    client = Tracked()
    logger = logger_of(client)
    logger.info("not important enough")
    logger.warning("stock of %s is low", "tea", extra={"left": 3, "of": {1}})
    try:
        fail()
    except LookupError:
        logger.exception("failed", extra={"event": "checkout_failed", "distinct_id": "ada"})
    common = {"logger": "shop"}
    assert client.events == [
        (
            "log_record",
            "$log",
            {**common, "level": "WARNING", "message": "stock of tea is low", "left": 3, "of": "{1}"},
        ),
        (
            "checkout_failed",
            "ada",
            {**common, "level": "ERROR", "message": "failed", "exception": "LookupError"},
        ),
    ]


def test_the_clients_own_words_make_no_events() -> None:
    """A handler on the root logger cannot feed itself."""
    client = Tracked()
    handler = SmolHogHandler(client)
    for name in ("smolhog_client", "websockets.client"):
        handler.emit(logging.makeLogRecord({"name": name, "levelno": logging.ERROR, "msg": "lost"}))
    assert client.events == []


def test_what_cannot_be_tracked_does_not_reach_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    """It goes where ``logging`` reports its own troubles."""
    logger = logger_of(Tracked())
    logger.warning("unlucky", extra={"event": "bad"})
    assert "InvalidEventError" in capsys.readouterr().err
