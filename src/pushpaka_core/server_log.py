"""The log of the platform's programs: one record a line, for people or for programs."""

import logging
import sys
from enum import StrEnum
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_TALKATIVE = ("alembic", "httpx", "uvicorn")
"""Libraries that log what only concerns their own developers."""


class LogFormat(StrEnum):
    """How a record looks."""

    CONSOLE = "console"
    JSON = "json"


def set_up_logging(
    log_format: LogFormat = LogFormat.CONSOLE,
    *,
    level: int = logging.INFO,
    output: TextIO | None = None,
) -> None:
    """
    Send the records of the whole process to *output*.

    It is for programs: who imports Pushpaka as a library keeps the logging that they have,
    because every record is the standard library's.
    """
    handler = logging.StreamHandler(output or sys.stderr)
    handler.setFormatter(_formatter(log_format))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _TALKATIVE:
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
            return [_on_one_line, structlog.dev.ConsoleRenderer(colors=False)]


def _on_one_line(_: WrappedLogger, __: str, record: EventDict) -> EventDict:
    """Escape what would let a text of a stranger look like another record; indent tracebacks."""
    shown = {name: _escaped(value) for name, value in record.items()}
    if "exception" in record:
        lines = record["exception"].splitlines()
        shown["exception"] = "\n".join(f"    {_escaped(line)}" for line in lines)
    return shown


def _escaped(value: object) -> object:
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
