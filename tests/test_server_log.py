"""The server's own log."""

import io
import json
import logging

import pytest
from structlog.contextvars import bound_contextvars

from pushpaka_core.server_log import LogFormat, configure_logging

FORGED = 'Ann\n{"level": "error", "event": "forged"}\r\x1b[31m\u2028'


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_no_text_becomes_another_record(server_log: io.StringIO, log_format: LogFormat) -> None:
    """A message with line breaks is still one line, so it cannot forge a record."""
    configure_logging(log_format, output=server_log)

    logging.getLogger("pushpaka").info("registered %s", FORGED, extra={"user_name": FORGED})

    assert 1 == len(server_log.getvalue().splitlines())


def test_tracebacks_are_part_of_their_record(server_log: io.StringIO) -> None:
    """A JSON line contains the traceback. On the console, the traceback's lines are indented."""
    records = []
    for log_format in (LogFormat.JSON, LogFormat.CONSOLE):
        server_log.truncate(0)
        server_log.seek(0)
        configure_logging(log_format, output=server_log)
        logging.getLogger("pushpaka").error("failed", exc_info=RuntimeError(FORGED))
        records.append(server_log.getvalue().splitlines())

    (line,), (_, *traceback) = records
    assert "RuntimeError" in json.loads(line)["exception"]
    assert "RuntimeError" in traceback[0]
    assert all(line.startswith("    ") for line in traceback)


def test_record_has_the_request_id_and_extra_fields(server_log: io.StringIO) -> None:
    configure_logging(LogFormat.JSON, output=server_log)

    with bound_contextvars(request_id="abc"):
        logging.getLogger("pushpaka.access").info("Request completed.", extra={"status": 200})

    record = json.loads(server_log.getvalue())
    assert ("Request completed.", "info", "pushpaka.access", "abc", 200) == (
        record["event"],
        record["level"],
        record["logger"],
        record["request_id"],
        record["status"],
    )
    assert record["timestamp"].endswith("Z")


def test_records_below_the_level_are_dropped(server_log: io.StringIO) -> None:
    configure_logging(LogFormat.JSON, level=logging.WARNING, output=server_log)

    logging.getLogger("pushpaka").info("hello")

    assert "" == server_log.getvalue()
