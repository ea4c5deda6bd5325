"""What a Procfile says, and what is refused in it."""

import pytest

from pushpaka_core.detection import MemoryTree, Wishes, detect
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Origin, Step
from pushpaka_core.errors import DetectionError

PROCFILE = """\
# what runs
web: gunicorn shop:app --bind 0.0.0.0:$PORT

release:   python manage.py migrate: all
worker-2 : celery -A shop worker
"""


def plan_of(procfile: str, *, start_command: str | None = None, **files: str) -> BuildPlan:
    tree = MemoryTree({"Procfile": procfile, **files})
    return detect(tree, Wishes(start_command=start_command))


def test_processes_are_taken_as_they_are_written() -> None:
    """Each type keeps its command, with the Procfile as its origin."""
    plan = plan_of(PROCFILE)

    assert {
        "web": Step(command="gunicorn shop:app --bind 0.0.0.0:$PORT", origin=Origin.PROCFILE),
        "release": Step(command="python manage.py migrate: all", origin=Origin.PROCFILE),
        "worker-2": Step(command="celery -A shop worker", origin=Origin.PROCFILE),
    } == plan.processes


def test_each_process_has_its_line() -> None:
    """The evidence leads to the place in the file."""
    plan = plan_of(PROCFILE)

    lines = {one.reason: one.line for one in plan.evidence if one.path == "Procfile"}
    assert {
        "the Procfile names the web process": 2,
        "the Procfile names the release process": 4,
        "the Procfile names the worker-2 process": 5,
    } == lines


def test_procfile_beats_detection() -> None:
    """Dependencies are still installed as they are found, and no server is added."""
    files = {"requirements.txt": "flask", "main.py": "import flask\napp = flask.Flask('x')"}

    plan = detect(MemoryTree({"Procfile": "web: python main.py", **files}), Wishes())

    assert "flask" == plan.framework
    assert Step(command="python main.py", origin=Origin.PROCFILE) == plan.processes["web"]
    install = Step(command="uv pip install -r requirements.txt", origin=Origin.DETECTED)
    assert install == plan.install
    assert () == plan.added_packages


def test_start_command_beats_the_procfile() -> None:
    """The project's own setting is the last word, and the other processes stay."""
    plan = plan_of(PROCFILE, start_command=" ./run ")

    assert Step(command="./run", origin=Origin.PROJECT) == plan.processes["web"]
    assert {"web", "release", "worker-2"} == set(plan.processes)


def test_procfile_alone_is_enough() -> None:
    """Where no language is recognised, a shell runs the command."""
    plan = plan_of("web: ./server")

    assert "shell" == plan.language
    assert plan.install is None


def test_web_is_detected_beside_other_processes() -> None:
    """A Procfile with a worker only leaves the web process to be found."""
    files = {"requirements.txt": "flask\ngunicorn", "main.py": "import flask\napp=flask.Flask('x')"}

    plan = detect(MemoryTree({"Procfile": "worker: celery", **files}), Wishes())

    assert Origin.DETECTED is plan.processes["web"].origin
    assert Origin.PROCFILE is plan.processes["worker"].origin


def test_missing_web_process_is_told() -> None:
    """Where nothing else gives one, the message says what the Procfile lacks."""
    with pytest.raises(DetectionError, match="The Procfile names no web process"):
        plan_of("worker: celery")


@pytest.mark.parametrize(
    ("procfile", "message"),
    [
        ("web gunicorn", "Line 1 of the Procfile is not of the form"),
        ("web: a\n-x: b", "Line 2 of the Procfile is not of the form"),
        ("web: a\n\nweb: b", r"Line 3 of the Procfile names web a second time \(first in line 1\)"),
        ("web:  ", "Line 1 of the Procfile has no command for web"),
        ("web: a\0b", "Line 1 of the Procfile holds a control character"),
        ("web: a\x1b[0mb", "Line 1 of the Procfile holds a control character"),
        (f"web: {'x' * 4097}", "Line 1 of the Procfile has a command of more than 4096 characters"),
        ("\n".join(f"p{n}: x" for n in range(101)), "Line 101 of the Procfile names more than 100"),
        ("# nothing\n", "The Procfile names no process"),
    ],
)
def test_bad_procfile_is_told(procfile: str, message: str) -> None:
    """Nothing is guessed; the message holds the line."""
    with pytest.raises(DetectionError, match=message):
        plan_of(procfile)


def test_windows_line_ends_do_no_harm() -> None:
    """A carriage return is no part of a command."""
    plan = plan_of("web: ./server\r\nworker: ./work\r\n")

    assert "./server" == plan.processes["web"].command


def test_evidence_of_the_procfile_comes_first() -> None:
    """The log tells the strongest reason first."""
    plan = plan_of("web: ./server")

    expected = Evidence(reason="the Procfile names the web process", path="Procfile", line=1)
    assert expected == plan.evidence[0]
