"""Structured logs: JSON lines for machines, colours for a person at a terminal."""

import logging
import sys

import structlog


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
        renderer = structlog.dev.ConsoleRenderer()
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
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    # One line a request is more than a line a batch; the metrics count requests.
    for chatty in ("uvicorn.access", "aiormq", "aio_pika", "httpx", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
