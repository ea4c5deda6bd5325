"""The server's own log."""

import io
import json
import logging

import pytest
from structlog.contextvars import bound_contextvars

from pushpaka_core.server_log import LogFormat, set_up_logging

FORGED = 'Ann\n{"level": "error", "event": "forged"}\r\x1b[31m\u2028'


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_no_text_becomes_another_record(server_log: io.StringIO, log_format: LogFormat) -> None:
    """Whatever somebody is called, one event is one line."""
    set_up_logging(log_format, output=server_log)

    logging.getLogger("pushpaka").info("registered %s", FORGED, extra={"user_name": FORGED})

    assert 1 == len(server_log.getvalue().splitlines())


def test_a_traceback_is_part_of_its_record(server_log: io.StringIO) -> None:
    """An error is one line for programs."""
    set_up_logging(LogFormat.JSON, output=server_log)

    logging.getLogger("pushpaka").error("failed", exc_info=RuntimeError(FORGED))

    (line,) = server_log.getvalue().splitlines()
    assert "RuntimeError" in json.loads(line)["exception"]


def test_people_see_a_traceback_indented(server_log: io.StringIO) -> None:
    """Only the first line of a record begins at the margin."""
    set_up_logging(LogFormat.CONSOLE, output=server_log)

    logging.getLogger("pushpaka").error("failed", exc_info=RuntimeError(FORGED))

    _, *traceback = server_log.getvalue().splitlines()
    assert "RuntimeError" in traceback[0]
    assert all(line.startswith("    ") for line in traceback)


def test_a_record_carries_the_request_and_what_is_said_of_it(server_log: io.StringIO) -> None:
    """Programs find everything under a name of its own."""
    set_up_logging(LogFormat.JSON, output=server_log)

    with bound_contextvars(request_id="abc"):
        logging.getLogger("pushpaka.access").info("request answered", extra={"status": 200})

    record = json.loads(server_log.getvalue())
    assert ("request answered", "info", "pushpaka.access", "abc", 200) == (
        record["event"],
        record["level"],
        record["logger"],
        record["request_id"],
        record["status"],
    )
    assert record["timestamp"].endswith("Z")


def test_less_than_the_level_is_left_out(server_log: io.StringIO) -> None:
    """The level is the operator's to choose."""
    set_up_logging(LogFormat.JSON, level=logging.WARNING, output=server_log)

    logging.getLogger("pushpaka").info("hello")

    assert "" == server_log.getvalue()
