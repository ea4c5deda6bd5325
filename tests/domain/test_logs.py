"""Log lines: cut, clean, and numbered by their place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.logs import LONGEST_LINE, LineSplitter, LogLine
from pushpaka_core.domain.plain_text import clean
from pushpaka_core.testing.objects import an_entry, an_id


def split(*texts: str) -> list[str]:
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
def test_lines_end_where_programs_end_them(texts: list[str], lines: list[str]) -> None:
    """LF, CR LF and CR end a line; what is left without an end is one too."""
    assert lines == split(*texts)


def test_a_long_line_is_split() -> None:
    """No line is longer than the limit, and nothing of it is lost."""
    assert ["x" * LONGEST_LINE, "x" * LONGEST_LINE, "x", "y"] == split(
        "x" * (2 * LONGEST_LINE + 1) + "\ny"
    )


def test_a_line_of_just_the_limit_is_whole() -> None:
    """Neither its end nor where it was cut makes an empty line of it."""
    line = "x" * LONGEST_LINE

    assert [line, "y"] == split(line + "\r", "\ny") == split(line, "\r\ny") == split(f"{line}\ny")


@given(st.text("ab\r\n", max_size=40), st.data())
def test_lines_do_not_depend_on_how_they_came(text: str, data: st.DataObject) -> None:
    """A text gives the same lines in one piece and in many."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)))))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    assert split(text) == split(*pieces)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("\x1b[31mred\x1b[0m\tand tab", "\x1b[31mred\x1b[0m\tand tab"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("\x1b]0;title\x07", "]0;title"),
        ("a\x00b\x08\x7f\x85c", "abc"),
        ("lone \ud83d half", "lone  half"),
        ("line\u2028naïve 🙂", "line\u2028naïve 🙂"),
    ],
)
def test_what_terminals_obey_is_taken_out(text: str, cleaned: str) -> None:
    """Only TAB and colours are left of the control characters."""
    assert cleaned == clean(text)


@given(st.text(st.characters()))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    """Taking something out makes nothing new to take out, and all can be stored."""
    cleaned = clean(text)

    assert cleaned == clean(cleaned)
    assert "\x00" not in cleaned
    assert cleaned == cleaned.encode().decode()


def test_a_lines_id_follows_from_its_place() -> None:
    """The same place has the same id for ever, another place another one."""
    deployment_id = DeploymentId(an_id())
    one = LogLine.of(an_entry("Hello."), deployment_id=deployment_id, seq=1)
    other = LogLine.of(an_entry("Hello."), deployment_id=deployment_id, seq=2)

    assert one.id == LogLine.of(an_entry("Again."), deployment_id=deployment_id, seq=1).id
    assert one.id != other.id
