"""Tests log lines: splitting, cleaning and ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.logs import MAX_LINE_LENGTH, LineSplitter, LogLine
from pushpaka_core.domain.logs.redaction import strip_control_characters
from pushpaka_core.testing.objects.deployments import a_log_entry
from pushpaka_core.testing.objects.values import an_id


def split_lines(*texts: str) -> list[str]:
    splitter = LineSplitter()
    return [line for text in texts for line in splitter.feed(text)] + [*splitter.flush()]


@pytest.mark.parametrize(
    ("texts", "lines"),
    [
        (["one\ntwo\n"], ["one", "two"]),
        (["one\r\ntwo\r\n"], ["one", "two"]),
        (["one\r", "\ntwo"], ["one", "two"]),
        (["10 %\r20 %\r"], ["10 %", "20 %"]),
        (["10 %\r", "20 %\n"], ["10 %", "20 %"]),
        (["\n\n"], ["", ""]),
        (["wi", "th", "out end"], ["without end"]),
        ([""], []),
    ],
)
def test_line_endings_separate_lines(texts: list[str], lines: list[str]) -> None:
    assert lines == split_lines(*texts)


def test_long_line_is_split() -> None:
    assert ["x" * MAX_LINE_LENGTH, "x" * MAX_LINE_LENGTH, "x", "y"] == split_lines(
        "x" * (2 * MAX_LINE_LENGTH + 1) + "\ny"
    )


def test_line_of_maximum_length_is_not_split() -> None:
    line = "x" * MAX_LINE_LENGTH

    assert (
        [line, "y"]
        == split_lines(line + "\r", "\ny")
        == split_lines(line, "\r\ny")
        == split_lines(f"{line}\ny")
    )


@given(st.text("ab\r\n", max_size=40), st.data())
def test_lines_do_not_depend_on_chunks(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)))))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    assert split_lines(text) == split_lines(*pieces)


@pytest.mark.parametrize(
    ("text", "cleaned_text"),
    [
        ("\x1b[31mred\x1b[0m\tand tab", "\x1b[31mred\x1b[0m\tand tab"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("\x1b]0;title\x07", "]0;title"),
        ("a\x00b\x08\x7f\x85c", "abc"),
        ("lone \ud83d half", "lone  half"),
        ("line\u2028naïve 🙂", "line\u2028naïve 🙂"),
    ],
)
def test_control_sequences_are_removed(text: str, cleaned_text: str) -> None:
    assert cleaned_text == strip_control_characters(text)


@given(st.text(st.characters()))
def test_cleaning_is_idempotent(text: str) -> None:
    cleaned = strip_control_characters(text)

    assert cleaned == strip_control_characters(cleaned)
    assert "\x00" not in cleaned
    assert cleaned == cleaned.encode().decode()


def test_line_id_depends_on_its_position_only() -> None:
    deployment_id = DeploymentId(an_id())
    one = LogLine.of(a_log_entry("Hello."), deployment_id=deployment_id, seq=1)
    other = LogLine.of(a_log_entry("Hello."), deployment_id=deployment_id, seq=2)

    assert one.id == LogLine.of(a_log_entry("Again."), deployment_id=deployment_id, seq=1).id
    assert one.id != other.id
