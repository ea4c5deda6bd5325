"""The program as a process: what it leaves behind at its end, and how it asks at a terminal."""

import os
import subprocess

import pytest
from tests.cli.client.desks import Desk, Place, open_place
from tests.http.clients import PASSWORD
from tests.served import PROGRAM


def ended(desk: Desk, *words: str, **env: str) -> tuple[int, str, str]:
    """Return exit code, output and errors of a command."""
    finished = subprocess.run(
        [*PROGRAM, *words],
        cwd=desk.folder,
        env=desk.environ | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return finished.returncode, finished.stdout, finished.stderr


def typed(desk: Desk, *words: str, answers: dict[str, str]) -> str:
    """Return what a terminal shows of a command whose questions are answered there."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [*PROGRAM, *words],
        env=desk.environ,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = b""
        for question, answer in answers.items():
            while question.encode() not in shown:
                shown += os.read(ours, 1024)
            os.write(ours, f"{answer}\n".encode())
        while part := _read(ours):
            shown += part
    os.close(ours)
    assert 0 == process.returncode, shown
    return shown.decode()


def _read(terminal: int) -> bytes:
    """Return what is shown next; nothing once nobody has the terminal any more."""
    try:
        return os.read(terminal, 1024)
    except OSError:
        return b""


def test_the_exit_code_tells_how_it_ended(ann: Desk) -> None:
    """0 done, 1 refused, 2 wrong usage; results are on the output and all else is not."""
    done = ended(ann, "whoami", "--json")
    refused = ended(ann, "projects", "show", "nothing")
    misused = ended(ann, "tokens", "revoke")

    assert (0, "") == (done[0], done[2])
    assert (1, "", 'Error: There is no project "nothing".\n') == refused
    assert (2, "") == misused[:2]
    assert "Missing argument" in misused[2]


def test_somebody_signs_in_at_a_terminal(ann: Desk, desk: Desk, place: Place) -> None:
    """Address and password are asked for, and nobody sees the password."""
    del ann  # has the account

    shown = typed(
        desk, "login", place.url, answers={"E-mail: ": "ann@example.com", "Password: ": PASSWORD}
    )

    assert "is signed in" in shown
    assert PASSWORD not in shown
    assert "ann@example.com" == desk.json("whoami")["email"]


def test_trouble_of_the_server_is_told_with_its_number(desk: Desk) -> None:
    """By which the operator finds it in the log; nothing else of it is known here."""
    with open_place(RuntimeError("s3cret")) as place:
        desk.sign_up(place, "ann@example.com")
        refused = desk.run("projects", "list", code=1)
        document = desk.run("projects", "list", "--json", code=1)

    assert refused.stderr.splitlines()[-1].startswith("Request id: ")
    assert "s3cret" not in refused.stderr
    assert '"code": "internal"' in document.stderr


@pytest.mark.parametrize(("words", "is_opened"), [((), True), (("--json",), False)])
def test_a_browser_is_opened_from_a_terminal(
    ann: Desk, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], is_opened: bool
) -> None:
    """By whom the address is read; a program gets the project instead."""
    repo = "https://git.example.com/ann/opened.git"
    names = [each["name"] for each in ann.json("projects", "list")["data"]]
    if "opened" not in names:
        ann.run("projects", "create", "opened", "--repo", repo)
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)

    ann.run("open", "--project", "opened", *words)

    url = ann.json("projects", "show", "opened")["url"]
    assert ([url] if is_opened else []) == opened
