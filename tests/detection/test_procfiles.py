"""Tests processes in a Procfile, and errors in it."""

import pytest
from tests.detection.plans import Case, case, plan_of, reasons

from pushpaka_core.detection import BuildOverrides
from pushpaka_core.domain.pipeline.build_plans import Origin
from pushpaka_core.errors import DetectionError

PROCFILE = """\
# what runs
web: gunicorn shop:app --bind 0.0.0.0:$PORT

release:   python manage.py migrate: all
worker-2 : celery -A shop worker
"""
FLASK = {"requirements.txt": "flask", "main.py": "import flask\napp = flask.Flask('x')"}
PROCESSES = {
    "web": "gunicorn shop:app --bind 0.0.0.0:$PORT",
    "release": "python manage.py migrate: all",
    "worker-2": "celery -A shop worker",
}

CASES: dict[str, Case] = {
    "processes with their lines": case(
        {"Procfile": PROCFILE},
        language="shell",
        install=None,
        processes=PROCESSES,
        origins=dict.fromkeys(PROCESSES, Origin.PROCFILE),
        reasons=[
            "the Procfile declares the web process (Procfile:2)",
            "the Procfile declares the release process (Procfile:4)",
            "the Procfile declares the worker-2 process (Procfile:5)",
        ],
    ),
    "the Procfile beats detection, and dependencies are installed": case(
        {**FLASK, "Procfile": "web: python main.py"},
        framework="flask",
        install="uv pip install -r requirements.txt",
        web="python main.py",
        added=(),
        origins={"install": Origin.DETECTED, "web": Origin.PROCFILE},
    ),
    "the project's start command beats the Procfile": case(
        {"Procfile": PROCFILE},
        BuildOverrides(start_command=" ./run "),
        processes={**PROCESSES, "web": "./run"},
        origins={"web": Origin.PROJECT, "release": Origin.PROCFILE},
    ),
    "the web process is detected beside others": case(
        {**FLASK, "Procfile": "worker: celery"},
        origins={"web": Origin.DETECTED, "worker": Origin.PROCFILE},
    ),
    "Windows line endings": case(
        {"Procfile": "web: ./server\r\nworker: ./work\r\n"}, web="./server"
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_plan_is_as_expected(case: Case) -> None:
    assert case.expected == case.actual()


def test_evidence_starts_with_the_procfile() -> None:
    assert reasons(plan_of({**FLASK, "Procfile": "web: ./server"}))[0] == (
        "the Procfile declares the web process (Procfile:1)"
    )


@pytest.mark.parametrize(
    ("procfile", "message"),
    [
        ("release: ./migrate", "The Procfile declares no web process"),
        ("web gunicorn", "Line 1 of the Procfile does not have the form"),
        ("web: a\n-x: b", "Line 2 of the Procfile does not have the form"),
        (
            "web: a\n\nweb: b",
            r"Line 3 of the Procfile declares web, which is already declared on line 1",
        ),
        ("web:  ", "Line 1 of the Procfile has no command for web"),
        ("web: a\0b", "Line 1 of the Procfile contains a control character"),
        ("web: a\x1b[0mb", "Line 1 of the Procfile contains a control character"),
        (f"web: {'x' * 4097}", "Line 1 of the Procfile has a command longer than 4096 characters"),
        (
            "\n".join(f"p{n}: x" for n in range(101)),
            "Line 101 of the Procfile declares more than 100",
        ),
        ("# nothing\n", "The Procfile declares no process"),
    ],
)
def test_bad_procfile_is_refused(procfile: str, message: str) -> None:
    with pytest.raises(DetectionError, match=message):
        plan_of({"Procfile": procfile})
