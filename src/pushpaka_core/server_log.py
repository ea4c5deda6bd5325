"""Logging of the platform's programs: one record per line, as text or JSON."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from pushpaka_core.settings.platform import LogFormat

__all__ = ["LogFormat", "configure_logging"]

_NOISY_LOGGERS = ("alembic", "httpx", "uvicorn")
"""Libraries whose informational records are useful only to their own developers."""


def configure_logging(
    log_format: LogFormat = LogFormat.CONSOLE,
    *,
    level: int = logging.INFO,
    output: TextIO | None = None,
) -> None:
    """
    Configure logging for the whole process.

    Only programs call this. If Pushpaka is used as a library, its records go through the standard
    `logging` module as the embedding program has configured it.

    Args:
        log_format: The format of the records.
        level: The minimum level.
        output: Where to write; stderr by default.
    """
    handler = logging.StreamHandler(output or sys.stderr)
    handler.setFormatter(_formatter(log_format))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def _formatter(log_format: LogFormat) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            *_renderers(log_format),
        ],
    )


def _renderers(log_format: LogFormat) -> list[Processor]:
    match log_format:
        case LogFormat.JSON:
            return [structlog.processors.JSONRenderer()]
        case LogFormat.CONSOLE:
            return [_escape_record, structlog.dev.ConsoleRenderer(colors=False)]


def _escape_record(_logger: WrappedLogger, _method_name: str, record: EventDict) -> EventDict:
    """
    Escape control characters in untrusted text, so that it cannot imitate a record.

    Tracebacks are indented.
    """
    shown = {name: _escape(value) for name, value in record.items()}
    if "exception" in record:
        lines = record["exception"].splitlines()
        shown["exception"] = "\n".join(f"    {_escape(line)}" for line in lines)
    return shown


def _escape(value: object) -> object:
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
