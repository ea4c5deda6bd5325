"""The server's own log."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from structlog.contextvars import bound_contextvars

from pushpaka_core.server_log import LogFormat, set_up_logging

FORGED = 'Ann\n{"level": "error", "event": "forged"}\r\x1b[31m\u2028'


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_no_text_becomes_another_record(output: io.StringIO, log_format: LogFormat) -> None:
    """Whatever somebody is called, one event is one line."""
    set_up_logging(log_format, output=output)

    logging.getLogger("pushpaka").info("registered %s", FORGED, extra={"user_name": FORGED})

    assert 1 == len(output.getvalue().splitlines())


def test_a_traceback_is_part_of_its_record(output: io.StringIO) -> None:
    """An error is one line for programs."""
    set_up_logging(LogFormat.JSON, output=output)

    logging.getLogger("pushpaka").error("failed", exc_info=RuntimeError(FORGED))

    (line,) = output.getvalue().splitlines()
    assert "RuntimeError" in json.loads(line)["exception"]


def test_people_see_a_traceback_indented(output: io.StringIO) -> None:
    """Only the first line of a record begins at the margin."""
    set_up_logging(LogFormat.CONSOLE, output=output)

    logging.getLogger("pushpaka").error("failed", exc_info=RuntimeError(FORGED))

    _, *traceback = output.getvalue().splitlines()
    assert "RuntimeError" in traceback[0]
    assert all(line.startswith("    ") for line in traceback)


def test_a_record_carries_the_request_and_what_is_said_of_it(output: io.StringIO) -> None:
    """Programs find everything under a name of its own."""
    set_up_logging(LogFormat.JSON, output=output)

    with bound_contextvars(request_id="abc"):
        logging.getLogger("pushpaka.access").info("request answered", extra={"status": 200})

    record = json.loads(output.getvalue())
    assert ("request answered", "info", "pushpaka.access", "abc", 200) == (
        record["event"],
        record["level"],
        record["logger"],
        record["request_id"],
        record["status"],
    )
    assert record["timestamp"].endswith("Z")


def test_less_than_the_level_is_left_out(output: io.StringIO) -> None:
    """The level is the operator's to choose."""
    set_up_logging(LogFormat.JSON, level=logging.WARNING, output=output)

    logging.getLogger("pushpaka").info("hello")

    assert "" == output.getvalue()
