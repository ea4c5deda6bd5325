"""What is printed, and where."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from attrs import frozen

from pushpaka_core.domain.tokens import TokenScope
from pushpaka_http.cli.client.output import Output, as_json, harmless, in_lines, shown
from pushpaka_http.schemas.lists import ListResponse

ATTACK = "\x1b]0;owned\x07\x1b[2J\u202egpj.exe\r\n"


@frozen(kw_only=True)
class Thing:
    name: str
    count: int | None = None


def test_what_a_terminal_would_obey_is_spelled_out() -> None:
    """Titles, cleared screens, turned directions and line ends of others do nothing."""
    assert "\\x1b]0;owned\\x07\\x1b[2J\\u202egpj.exe\\r\\n" == harmless(ATTACK)
    assert "Grüße, 世界" == harmless("Grüße, 世界")
    assert "one\ntwo\\x07" == in_lines("one\ntwo\x07")


def test_tables_fields_and_sentences_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    """However something from the server is shown, and JSON as well."""
    thing = Thing(name=ATTACK)
    output = Output()

    output.table(ListResponse(data=[thing]), {"Name": "name"}, empty="")
    output.fields(thing, {"Name": "name"})
    output.result(thing, f"Made {thing.name}")
    output.say(thing.name)
    Output(is_json=True).json(thing)

    out, err = capsys.readouterr()
    assert "" == "".join(c for c in out + err if not c.isprintable() and c != "\n")


def test_results_and_talk_go_different_ways(capsys: pytest.CaptureFixture[str]) -> None:
    """So that what is piped is results alone; and a list of nothing is no result."""
    output = Output()

    output.result(Thing(name="a"), "Made a.")
    output.next_step("pushpaka deploy")
    output.table(ListResponse[Thing](data=[]), {"Name": "name"}, empty="There is nothing.")

    out, err = capsys.readouterr()
    assert "Made a.\n" == out
    assert "Next: pushpaka deploy\nThere is nothing.\n" == err


def test_programs_are_not_talked_to(capsys: pytest.CaptureFixture[str]) -> None:
    """Of everything they get the object of the API, and nothing else."""
    output = Output(is_json=True)

    output.say("Hello.")
    output.next_step("pushpaka deploy")
    output.result(Thing(name="a"), "Made a.")

    assert ('{\n  "name": "a",\n  "count": null\n}\n', "") == capsys.readouterr()


def test_columns_are_as_wide_as_what_is_in_them(capsys: pytest.CaptureFixture[str]) -> None:
    """And no line ends in spaces."""
    things = [Thing(name="a", count=1), Thing(name="longer", count=None)]

    Output().table(ListResponse(data=things), {"Name": "name", "No.": "count"}, empty="")

    assert "NAME    NO.\na       1\nlonger  -\n" == capsys.readouterr().out


def test_a_terminal_gets_a_table_of_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that look like colours are names."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    Output().table(ListResponse(data=[Thing(name="[red]a :bomb:")]), {"Name": "name"}, empty="")

    assert ["NAME", "[red]a :bomb:"] == [
        line.strip() for line in capsys.readouterr().out.splitlines()
    ]


def test_values_are_shown_as_people_read_them() -> None:
    """And sent to programs as the API sends them."""
    at = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
    number = UUID(int=1)

    assert "2026-03-01 12:00 UTC" == shown(at)
    assert ["-", "yes", "a, b", "read", "-"] == [
        shown(value) for value in (None, True, ["a", "b"], TokenScope.READ, ())
    ]
    assert f'["2026-03-01T12:00:00.000005Z", "{number}", "read"]' == " ".join(
        as_json([at, number, TokenScope.READ]).split()
    ).replace("[ ", "[").replace(" ]", "]")
