"""Tests the output of commands, and which stream they write it to."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from attrs import frozen

from pushpaka_core.domain.accounts.tokens import TokenScope
from pushpaka_http.cli.ui.output import Output, as_json, display_value, escape_control, escape_lines
from pushpaka_http.schemas.lists import ListResponse

ATTACK = "\x1b]0;owned\x07\x1b[2J\u202egpj.exe\r\n"


@frozen(kw_only=True)
class Item:
    name: str
    count: int | None = None


def test_control_characters_are_escaped() -> None:
    """Untrusted text cannot set titles, clear the screen or add lines."""
    assert "\\x1b]0;owned\\x07\\x1b[2J\\u202egpj.exe\\r\\n" == escape_control(ATTACK)
    assert "Grüße, 世界" == escape_control("Grüße, 世界")
    assert "one\ntwo\\x07" == escape_lines("one\ntwo\x07")


def test_everything_from_the_server_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    """Tables, fields, sentences and JSON are escaped."""
    thing = Item(name=ATTACK)
    output = Output()

    output.table(ListResponse(data=[thing]), {"Name": "name"}, empty_message="")
    output.fields(thing, {"Name": "name"})
    output.result(thing, f"Made {thing.name}")
    output.message(thing.name)
    Output(is_json=True).json(thing)

    out, err = capsys.readouterr()
    assert "" == "".join(c for c in out + err if not c.isprintable() and c != "\n")


def test_only_results_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """Hints and the message that a list is empty go to stderr."""
    output = Output()

    output.result(Item(name="a"), "Made a.")
    output.next_step("pushpaka deploy")
    output.table(ListResponse[Item](data=[]), {"Name": "name"}, empty_message="There is nothing.")

    out, err = capsys.readouterr()
    assert "Made a.\n" == out
    assert "Next: pushpaka deploy\nThere is nothing.\n" == err


def test_with_json_only_objects_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Messages and hints are omitted."""
    output = Output(is_json=True)

    output.message("Hello.")
    output.next_step("pushpaka deploy")
    output.result(Item(name="a"), "Made a.")

    assert ('{\n  "name": "a",\n  "count": null\n}\n', "") == capsys.readouterr()


def test_columns_are_as_wide_as_their_content(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines do not end with spaces."""
    things = [Item(name="a", count=1), Item(name="longer", count=None)]

    Output().table(ListResponse(data=things), {"Name": "name", "No.": "count"}, empty_message="")

    assert "NAME    NO.\na       1\nlonger  -\n" == capsys.readouterr().out


def test_a_terminal_shows_names_with_markup_unchanged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Square brackets and colons do not become colors or emoji."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "unknown")  # A terminal without colors for the library.
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    Output().table(
        ListResponse(data=[Item(name="[red]a :bomb:")]), {"Name": "name"}, empty_message=""
    )

    assert ["NAME", "[red]a :bomb:"] == [
        line.strip() for line in capsys.readouterr().out.splitlines()
    ]


@pytest.mark.parametrize(
    ("env", "is_terminal", "is_colored"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_only_a_terminal_shows_statuses_in_color(
    env: dict[str, str],
    is_terminal: bool,
    is_colored: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """NO_COLOR disables colors. Cells without a status have no color, whatever their text is."""
    for name, value in {"NO_COLOR": "", "TERM": "xterm", **env}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    columns = {"Status": "name", "Name": "name"}

    Output().headline("shop is running.", "active")
    Output().table(ListResponse(data=[Item(name="failed")]), columns, empty_message="")

    shown = capsys.readouterr().out
    assert "shop is running." in shown
    assert is_colored is ("\x1b[32m" in shown)
    assert is_colored is (1 == shown.count("\x1b[31m"))
    assert is_colored is ("\x1b" in shown)


def test_values_are_formatted_for_people_and_for_programs() -> None:
    """People see short times and words. Programs get the values that the API sends."""
    at = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
    number = UUID(int=1)

    assert "2026-03-01 12:00 UTC" == display_value(at)
    assert ["-", "yes", "a, b", "read", "-"] == [
        display_value(value) for value in (None, True, ["a", "b"], TokenScope.READ, ())
    ]
    assert f'["2026-03-01T12:00:00.000005Z", "{number}", "read"]' == " ".join(
        as_json([at, number, TokenScope.READ]).split()
    ).replace("[ ", "[").replace(" ]", "]")
