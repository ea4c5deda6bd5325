"""Tests `pushpaka env`: values can be set and imported, and are never shown."""

import pytest
from click import UsageError
from tests.cli.commands.machines import Machine

from pushpaka_http.cli.ui.env_files import read_env


def env_vars(machine: Machine) -> set[tuple[str, str]]:
    """Return the keys and scopes of the environment variables of the folder's project."""
    return {(each["key"], each["scope"]) for each in machine.json("env", "list")["data"]}


@pytest.mark.usefixtures("project")
class TestEnvVars:
    """Tests the environment variables of a project."""

    def test_env_vars_are_set_and_listed_without_values(self, ann: Machine) -> None:
        """One command can set several variables, for all scopes or for one scope."""
        result = ann.run("env", "set", "LOG_LEVEL=debug", "EMPTY=", "URL=https://x.example/?a=b")
        ann.run("env", "set", "LOG_LEVEL=info", "--scope", "preview")

        listed = ann.run("env", "list")

        rows = [line.split()[:2] for line in listed.stdout.splitlines()[1:]]
        assert sorted(rows) == [
            ["EMPTY", "all"],
            ["LOG_LEVEL", "all"],
            ["LOG_LEVEL", "preview"],
            ["URL", "all"],
        ]
        assert "Next: pushpaka deploy\n" in result.stderr
        assert "debug" not in result.output + listed.output
        assert "x.example" not in listed.output

    def test_a_secret_is_read_from_the_input_or_a_file(self, ann: Machine) -> None:
        """The secret is neither on the command line nor in the output."""
        (ann.folder / "key.pem").write_text("-----BEGIN-----\nabc\n")

        result = ann.run("env", "set", "TOKEN=-", "KEY=@key.pem", input="s3cret\n")

        assert "s3cret" not in result.output
        assert "BEGIN" not in result.output
        assert {("KEY", "all"), ("TOKEN", "all")} == env_vars(ann)

    @pytest.mark.usefixtures("at_a_terminal")
    def test_a_secret_is_entered_without_echo_at_a_terminal(self, ann: Machine) -> None:
        """The command asks for each value by its name. The test terminal echoes visible input."""
        result = ann.run("env", "set", "TOKEN=-", "KEY=-", input="s3cret\nh1dden\n")

        assert "TOKEN: \nKEY: \n" in result.output
        assert "s3cret" not in result.output
        assert "h1dden" not in result.output
        assert {("KEY", "all"), ("TOKEN", "all")} == env_vars(ann)

    def test_env_vars_are_deleted_in_one_scope_or_in_all(self, ann: Machine) -> None:
        """If a variable is missing, the message names it, and none is deleted."""
        ann.run("env", "set", "A=1", "B=2")
        ann.run("env", "set", "A=3", "--scope", "production")

        ann.run("env", "unset", "A", "--scope", "production")
        ann.run("env", "unset", "B")
        missing = ann.run("env", "unset", "A", "C", code=1)

        assert {("A", "all")} == env_vars(ann)
        assert 'There is no environment variable "C".' in missing.stderr

    def test_a_file_is_imported(self, ann: Machine) -> None:
        """If a name in the file is not allowed, nothing is imported."""
        (ann.folder / ".env").write_text("# settings\nexport A='1'\nB=\"two\nlines\"\n")
        (ann.folder / "bad.env").write_text("C=1\nPORT=80\n")

        result = ann.run("env", "import", "--scope", "production")
        refused = ann.run("env", "import", "bad.env", code=1)

        assert {("A", "production"), ("B", "production")} == env_vars(ann)
        assert "lines" not in result.output
        assert refused.stderr.startswith("Error: PORT is reserved: ")

    def test_names_are_pulled_without_values(self, ann: Machine) -> None:
        """Each name appears once in the file, without a value."""
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
def test_env_files_are_parsed_like_in_a_shell(text: str, values: dict[str, str]) -> None:
    """Quotes, comments and multi-line values have their usual meaning."""
    assert values == read_env(text, ".env")


@pytest.mark.parametrize(
    ("text", "line"),
    [("A=1\nnonsense\n", 2), ("A='1\n2'\nB='open", 3), ('A="1" 2', 1), ("1A=2", 1), ("=2", 1)],
)
def test_a_malformed_line_is_reported_by_its_number(text: str, line: int) -> None:
    """The content of the line is not shown, because it may be secret."""
    with pytest.raises(UsageError, match=f"Line {line} of .env"):
        read_env(text, ".env")
