"""Structured logs: JSON lines for machines, colours for a person at a terminal. Never a secret."""

import logging
import re
import sys

import structlog

# A key keeps its kind; what a URL holds between user and host goes.
_KEY = re.compile(r"sh_([wrs])_[0-9A-Za-z]{8,}")
_PASSWORD = re.compile(r"(://[^\s:/@]*):[^\s/@]+@")


class RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Takes keys and passwords out of finished lines, whoever wrote them and wherever they stand."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, or several with a traceback."""
        return redacted(super().format(record))


def redacted(text: str) -> str:
    """Return a text without the secrets that it may hold."""
    return _PASSWORD.sub(r"\1:[hidden]@", _KEY.sub(r"sh_\1_[hidden]", text))


def configure_logs(level: str, *, as_json: bool | None = None, process: str) -> None:
    """Set up structlog, and the standard library's logging through it, once a process.

    Args:
        level: least level that is written: debug, info, warning or error.
        as_json: JSON lines; ``None`` means JSON unless standard error is a terminal.
        process: which of SmolHog's processes this is; it stands in every line.
    """
    if as_json is None:
        as_json = not sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor
    if as_json:
        shared.append(structlog.processors.format_exc_info)
        renderer = structlog.processors.JSONRenderer()
    else:
        # The pretty tracebacks show local variables, and those hold keys.
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        RedactingFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    # One line a request is more than a line a batch; the metrics count requests.
    # uvicorn.error is also where WebSocket frames are written out, and the query string of their handshake.
    # Its warnings are a line for each bad request; `smolhog_connections_refused` counts those.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    for chatty in ("uvicorn.access", "aiormq", "aio_pika", "httpx", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
