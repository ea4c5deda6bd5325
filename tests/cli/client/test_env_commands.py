"""Env vars: set, imported, and never shown."""

import pytest
from click import UsageError
from tests.cli.client.desks import Desk

from pushpaka_http.cli.client.env_files import read_env


@pytest.mark.usefixtures("project")
def test_env_vars_are_set_and_listed_without_values(ann: Desk) -> None:
    """Several at once, for all deployments or for some."""
    said = ann.run("env", "set", "LOG_LEVEL=debug", "EMPTY=", "URL=https://x.example/?a=b")
    ann.run("env", "set", "LOG_LEVEL=info", "--scope", "preview")

    listed = ann.run("env", "list")

    rows = [line.split()[:2] for line in listed.stdout.splitlines()[1:]]
    assert sorted(rows) == [
        ["EMPTY", "all"],
        ["LOG_LEVEL", "all"],
        ["LOG_LEVEL", "preview"],
        ["URL", "all"],
    ]
    assert "Next: pushpaka deploy\n" in said.stderr
    assert "debug" not in said.output + listed.output
    assert "x.example" not in listed.output


@pytest.mark.usefixtures("project")
def test_a_secret_is_on_no_command_line(ann: Desk) -> None:
    """It comes from the input or from a file, and is printed nowhere."""
    (ann.folder / "key.pem").write_text("-----BEGIN-----\nabc\n")

    said = ann.run("env", "set", "TOKEN=-", "KEY=@key.pem", input="s3cret\n")

    assert "s3cret" not in said.output
    assert "BEGIN" not in said.output
    assert {"KEY", "TOKEN"} == {each["key"] for each in ann.json("env", "list")["data"]}


@pytest.mark.usefixtures("project")
def test_env_vars_are_deleted(ann: Desk) -> None:
    """In one scope or in all; where one is not there it is named, and none is deleted."""
    ann.run("env", "set", "A=1", "B=2")
    ann.run("env", "set", "A=3", "--scope", "production")

    ann.run("env", "unset", "A", "--scope", "production")
    ann.run("env", "unset", "B")
    missing = ann.run("env", "unset", "A", "C", code=1)

    assert [("A", "all")] == [
        (each["key"], each["scope"]) for each in ann.json("env", "list")["data"]
    ]
    assert 'There is no env var "C".' in missing.stderr


@pytest.mark.usefixtures("project")
def test_a_file_is_imported(ann: Desk) -> None:
    """All that is in it, for the scope that is named; or none, where a name cannot be."""
    (ann.folder / ".env").write_text("# settings\nexport A='1'\nB=\"two\nlines\"\n")
    (ann.folder / "bad.env").write_text("C=1\nPORT=80\n")

    said = ann.run("env", "import", "--scope", "production")
    refused = ann.run("env", "import", "bad.env", code=1)

    assert {("A", "production"), ("B", "production")} == {
        (each["key"], each["scope"]) for each in ann.json("env", "list")["data"]
    }
    assert "lines" not in said.output
    assert "variables.PORT" in refused.stderr


@pytest.mark.usefixtures("project")
def test_names_are_pulled_without_values(ann: Desk) -> None:
    """Each once, ready to be filled in."""
    ann.run("env", "set", "B=2", "A=1")
    ann.run("env", "set", "A=3", "--scope", "preview")

    assert "A=\nB=\n" == ann.run("env", "pull-names").stdout


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1", {"A": "1"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1\n\n  # nothing\nexport B = 2 ", {"A": "1", "B": "2"}),
        ("A=a b # comment\nB=a#b\nC=#c", {"A": "a b", "B": "a#b", "C": ""}),
        ("A=\nB=''\nC=\"\"", {"A": "", "B": "", "C": ""}),
        ("A='$x \\n # no comment' # comment", {"A": "$x \\n # no comment"}),
        ('A="say \\"hi\\"\\n\\tnow \\\\ \\$5"', {"A": 'say "hi"\n\tnow \\ $5'}),
        (
            'KEY="-----BEGIN-----\nabc=\n-----END-----"\nA=1',
            {"KEY": "-----BEGIN-----\nabc=\n-----END-----", "A": "1"},
        ),
        ("A='one\n\ntwo'\n", {"A": "one\n\ntwo"}),
        ("A=it's\nB=1", {"A": "it's", "B": "1"}),
        ("A=1\nA=2", {"A": "2"}),
        ("URL=https://a.example/?b=c&d=e", {"URL": "https://a.example/?b=c&d=e"}),
        ("", {}),
    ],
)
def test_a_file_is_read_as_people_write_it(text: str, values: dict[str, str]) -> None:
    """Quotes, comments and values of several lines are what they are in shells."""
    assert values == read_env(text, ".env")


@pytest.mark.parametrize(
    ("text", "line"),
    [("A=1\nnonsense\n", 2), ("A='1\n2'\nB='open", 3), ('A="1" 2', 1), ("1A=2", 1), ("=2", 1)],
)
def test_a_line_that_cannot_be_read_is_told(text: str, line: int) -> None:
    """By its number, and not by what it holds."""
    with pytest.raises(UsageError, match=f"Line {line} of .env"):
        read_env(text, ".env")
