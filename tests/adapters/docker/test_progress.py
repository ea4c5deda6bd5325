"""What BuildKit tells of a build, in either of the forms in which its client writes it."""

import json
from base64 import b64encode
from typing import Any

import pytest

from pushpaka_core.adapters.docker.progress import Progress, Said, shown_command

_MOUNTS = "--mount=type=cache,id=a,target=/root/.cache --mount=type=secret,id=env "
_RUN = f"[build 2/3] RUN {_MOUNTS}set -a; . /run/secrets/env; set +a; npm ci"


def report(**fields: Any) -> dict[str, Any]:
    begun = {"digest": "sha256:1", "name": _RUN, "started": "2026-01-01T00:00:00.5Z"}
    return {"vertexes": [{**begun, **fields}]}


def printed(text: bytes, stream: int = 1) -> dict[str, Any]:
    return {"logs": [{"vertex": "sha256:1", "stream": stream, "data": b64encode(text).decode()}]}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_steps_and_output_come_in_order(indent: int | None, size: int) -> None:
    """Reports are read whether each has a line or several, however they are cut."""
    reports = [printed(b"on\n"), printed(b"oh\n", 2), report(completed="2026-01-01T00:00:02Z")]
    text = "".join(json.dumps(one, indent=indent) + "\n" for one in reports).encode()
    progress = Progress()

    said = [one for n in range(0, len(text), size) for one in progress.feed(text[n : n + size])]

    assert [
        Said(data=b"on\n"),
        Said(data=b"oh\n", is_error=True),
        Said(text="[build 2/3] RUN npm ci (1.5 s)"),
    ] == said


def test_what_is_no_report_is_kept_as_it_is() -> None:
    """The client's own errors say why there was no build at all."""
    progress = Progress()

    said = [*progress.feed(b'"quoted"\n\nERROR: no engine'), *progress.finish()]

    assert [] == said
    assert ['"quoted"', "ERROR: no engine"] == progress.plain


def test_a_step_is_told_once_and_its_failure_is_kept() -> None:
    """Steps that are internal to BuildKit, or told before, are nobody's business."""
    progress = Progress()
    failed = report(completed="2026-01-01T00:00:02Z", error="process failed")
    inner = report(digest="sha256:2", name="[internal] load", completed="2026-01-01T00:00:02Z")

    text = "".join(json.dumps(one) + "\n" for one in (failed, failed, inner)).encode()

    assert [Said(text="[build 2/3] RUN npm ci failed")] == list(progress.feed(text))
    assert ["process failed", "process failed"] == progress.errors


def test_cached_steps_take_no_time() -> None:
    """They are called what they are."""
    text = json.dumps(report(completed="2026-01-01T00:00:02Z", cached=True)).encode() + b"\n"

    assert [Said(text="[build 2/3] RUN npm ci (as before)")] == list(Progress().feed(text))


def test_commands_are_shown_as_they_were_meant() -> None:
    """What the platform puts before them is left out."""
    assert "npm ci" == shown_command("/bin/sh -c set -a; . /run/secrets/env; set +a; npm ci")


def test_image_is_awaited_until_its_registry_has_answered() -> None:
    """From the moment on at which it was asked for."""
    asked = report(name="[internal] load metadata for docker.io/library/python:3.13-slim")
    answered = report(**asked["vertexes"][0], completed="2026-01-01T00:00:02Z")
    progress = Progress()

    list(progress.feed(json.dumps(asked).encode() + b"\n"))
    waiting = [progress.unanswered(seconds=seconds) for seconds in (0, 60)]
    list(progress.feed(json.dumps(answered).encode() + b"\n"))

    assert ["docker.io/library/python:3.13-slim", None] == waiting
    assert progress.unanswered(seconds=0) is None


def test_layers_that_are_gone_are_no_reason_of_a_failure() -> None:
    """What they were kept for is done again; nobody hears of it."""
    progress = Progress()
    name, completed = "importing cache manifest from a.example/x:layers-1", "2026-01-01T00:00:02Z"
    gone = report(digest="sha256:3", name=name, completed=completed, error="not found")

    told = list(progress.feed(f"{json.dumps(gone)}\n".encode()))

    assert ([], []) == (told, progress.errors)


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("[build 2/3] RUN npm ci", ["build"]),
        ("[build  2/13] RUN npm ci", ["build"]),
        ("[base 1/1] FROM docker.io/library/debian", []),
        ("[stage-1 2/3] RUN npm ci", []),
        ("[2/3] RUN npm ci", []),
        ("[linux/arm64 build 2/3] RUN npm ci", []),
        ("[internal] load build context", []),
    ],
)
def test_stages_are_known_by_what_is_done_for_them(name: str, stages: list[str]) -> None:
    """Those that have a name, and do more than to stand on another image."""
    progress = Progress()

    list(progress.feed(f"{json.dumps(report(name=name))}\n".encode()))

    assert stages == list(progress.stages)


@pytest.mark.parametrize(
    ("step", "is_done"),
    [({}, True), ({"cached": True}, False), ({"name": "[build 1/3] FROM debian"}, False)],
)
def test_stage_for_which_nothing_was_done_is_known(step: dict[str, Any], *, is_done: bool) -> None:
    """What is kept of it already is the same."""
    progress = Progress()
    told = report(completed="2026-01-01T00:00:02Z", **step)

    list(progress.feed(f"{json.dumps(told)}\n".encode()))

    assert {"build": is_done} == progress.stages
