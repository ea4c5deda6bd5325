"""Tests how the progress of builds is parsed, in both formats that buildx prints."""

import json
from base64 import b64encode
from typing import Any

import pytest

from pushpaka_core.adapters.docker.progress import BuildProgress, ProgressLine, displayed_command

_MOUNTS = "--mount=type=cache,id=a,target=/root/.cache --mount=type=secret,id=env "
_RUN = f"[build 2/3] RUN {_MOUNTS}set -a; . /run/secrets/env; set +a; npm ci"


def report(**fields: Any) -> dict[str, Any]:
    begun = {"digest": "sha256:1", "name": _RUN, "started": "2026-01-01T00:00:00.5Z"}
    return {"vertexes": [{**begun, **fields}]}


def output_lines(text: bytes, stream: int = 1) -> dict[str, Any]:
    return {"logs": [{"vertex": "sha256:1", "stream": stream, "data": b64encode(text).decode()}]}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_steps_and_output_are_in_order(indent: int | None, size: int) -> None:
    """A progress report is parsed even if it spans several lines or chunks."""
    reports = [
        output_lines(b"on\n"),
        output_lines(b"oh\n", 2),
        report(completed="2026-01-01T00:00:02Z"),
    ]
    text = "".join(json.dumps(one, indent=indent) + "\n" for one in reports).encode()
    progress = BuildProgress()

    found = [one for n in range(0, len(text), size) for one in progress.feed(text[n : n + size])]

    assert [
        ProgressLine(data=b"on\n"),
        ProgressLine(data=b"oh\n", is_error=True),
        ProgressLine(text="[build 2/3] RUN npm ci (1.5 s)"),
    ] == found


def test_plain_output_is_stored_unchanged() -> None:
    """Errors of buildx itself are plain lines, not JSON."""
    progress = BuildProgress()

    found = [*progress.feed(b'"quoted"\n\nERROR: no engine'), *progress.finish()]

    assert [] == found
    assert ['"quoted"', "ERROR: no engine"] == progress.plain_output


def test_each_step_is_reported_once_and_its_failure_is_kept() -> None:
    """Internal steps and repetitions of a step are not reported."""
    progress = BuildProgress()
    failed = report(completed="2026-01-01T00:00:02Z", error="process failed")
    inner = report(digest="sha256:2", name="[internal] load", completed="2026-01-01T00:00:02Z")

    text = "".join(json.dumps(one) + "\n" for one in (failed, failed, inner)).encode()

    assert [ProgressLine(text="[build 2/3] RUN npm ci failed")] == list(progress.feed(text))
    assert ["process failed", "process failed"] == progress.errors


def test_cached_steps_are_marked() -> None:
    text = json.dumps(report(completed="2026-01-01T00:00:02Z", cached=True)).encode() + b"\n"

    assert [ProgressLine(text="[build 2/3] RUN npm ci (cached)")] == list(
        BuildProgress().feed(text)
    )


def test_commands_are_shown_without_the_platform_prefix() -> None:
    """Users see only the command that they configured."""
    assert "npm ci" == displayed_command("/bin/sh -c set -a; . /run/secrets/env; set +a; npm ci")


def test_image_counts_as_unanswered_until_its_registry_responds() -> None:
    asked = report(name="[internal] load metadata for docker.io/library/python:3.13-slim")
    answered = report(**asked["vertexes"][0], completed="2026-01-01T00:00:02Z")
    progress = BuildProgress()

    list(progress.feed(json.dumps(asked).encode() + b"\n"))
    waiting = [progress.unanswered_image(seconds=seconds) for seconds in (0, 60)]
    list(progress.feed(json.dumps(answered).encode() + b"\n"))

    assert ["docker.io/library/python:3.13-slim", None] == waiting
    assert progress.unanswered_image(seconds=0) is None


def test_missing_layers_are_not_reported_as_the_failure() -> None:
    """If cached layers are missing, BuildKit repeats the step, so the failure is ignored."""
    progress = BuildProgress()
    name, completed = "importing cache manifest from a.example/x:layers-1", "2026-01-01T00:00:02Z"
    gone = report(digest="sha256:3", name=name, completed=completed, error="not found")

    reports = list(progress.feed(f"{json.dumps(gone)}\n".encode()))

    assert ([], []) == (reports, progress.errors)


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
def test_stages_are_identified_by_their_steps(name: str, stages: list[str]) -> None:
    """Stages in the Dockerfile of an image are not mistaken for the platform's stages."""
    progress = BuildProgress()

    list(progress.feed(f"{json.dumps(report(name=name))}\n".encode()))

    assert stages == list(progress.stages)


@pytest.mark.parametrize(
    ("step", "is_done"),
    [({}, True), ({"cached": True}, False), ({"name": "[build 1/3] FROM debian"}, False)],
)
def test_stages_without_executed_steps_are_recognized(
    step: dict[str, Any], *, is_done: bool
) -> None:
    progress = BuildProgress()
    event = report(completed="2026-01-01T00:00:02Z", **step)

    list(progress.feed(f"{json.dumps(event)}\n".encode()))

    assert {"build": is_done} == progress.stages
