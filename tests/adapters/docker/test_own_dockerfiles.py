"""Tests that forbidden instructions in a repository's Dockerfile are found in any spelling."""

from contextlib import suppress

import pytest
from tests.machine.processor_time import limit_processor_time

from pushpaka_core.adapters.docker.builder import is_cache_mount_of
from pushpaka_core.adapters.docker.own_dockerfiles import (
    require_allowed_dockerfile,
    source_denied_error,
)
from pushpaka_core.errors import BuildError

_BASE = "FROM debian\n"


@pytest.mark.parametrize(
    "text",
    [
        "# syntax=evil/frontend\nFROM x",
        "#syntax = evil\nFROM x",
        "// syntax=evil\nFROM x",
        "\ufeff# syntax=evil\nFROM x",
        "# check=skip=all\n# SYNTAX=evil\nFROM x",
        "#!/usr/bin/env docker\n# syntax=evil\nFROM x",
    ],
)
def test_other_dockerfile_frontends_are_refused(text: str) -> None:
    with pytest.raises(BuildError, match=r"Dockerfile has a `# syntax=` line"):
        require_allowed_dockerfile(text, "Dockerfile")


@pytest.mark.parametrize("text", ['{"syntax": "evil"}', '\ufeff\n {"Syntax": "evil"}'])
def test_dockerfile_that_starts_with_json_is_refused(text: str) -> None:
    with pytest.raises(BuildError, match="Dockerfile starts with JSON"):
        require_allowed_dockerfile(text, "Dockerfile")


@pytest.mark.parametrize(
    "text",
    [
        "ADD https://example.org/x /x",
        "add\thttp://169.254.169.254/latest/ /x",
        "ADD --chown=1:1 --checksum=sha256:0 https://example.org/x /x",
        'ADD ["a", "https://example.org/x", "/x"]',
        "ADD a b ssh://git@example.org/x /x",
        "ADD git@example.org:a/b.git /x",
        "ADD git://example.org/x.git#main /x",
        'ADD "https:"//example.org/x /x',
        "ADD h\\ttps://example.org/x /x",
        "ADD \\\n# a comment\n\n  https://example.org/x /x",
        "ONBUILD ADD https://example.org/x /x",
        "# escape=`\nADD `\n https://example.org/x /x",
    ],
)
def test_remote_sources_are_refused(text: str) -> None:
    """The error says what to use instead of a URL."""
    lines = text if text.startswith("# escape") else _BASE + text

    with pytest.raises(BuildError, match=r"adds .*builds can fetch only images"):
        require_allowed_dockerfile(lines, "Dockerfile")


@pytest.mark.parametrize("source", ["$PLACE", "${PLACE:-x}/y", "a$PLACE"])
def test_sources_in_variables_are_refused(source: str) -> None:
    """A variable may contain a URL. The error explains how to refer to a file."""
    with pytest.raises(BuildError, match=r"Write \./.* if it is a file in the repository"):
        require_allowed_dockerfile(f"{_BASE}ADD {source} /x", "Dockerfile")


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("RUN --security=insecure id", "--security=insecure"),
        ("RUN --network=HOST id", "--network=HOST"),
        ("RUN --mount=type=ssh,required=false id", "--mount=type=ssh,required=false"),
        ("RUN \\\n --mount=id=a,type=ssh id", "--mount=id=a,type=ssh"),
    ],
)
def test_forbidden_feature_is_named(text: str, option: str) -> None:
    with pytest.raises(BuildError, match=f"uses {option}, which is not allowed in builds"):
        require_allowed_dockerfile(_BASE + text, "Dockerfile")


@pytest.mark.parametrize(
    "text",
    [
        "ADD . /app",
        "ADD app-1.0.tar.gz /",
        'ADD ["a b", "/x"]',
        "ADD ./$NAME /x",
        "ADD <<END /x\nEND",
        "COPY $NAME /x",
        "RUN curl https://example.org/x",
        "RUN --mount=type=cache,target=/root/.cache pip install x",
        "RUN --network=none id",
        "RUN echo --network=host",
        "ENV URL=https://example.org",
        "# syntax=later is a comment",
        "RUN true # add https://example.org/x",
        "ADD",
        "ONBUILD",
    ],
)
def test_other_instructions_are_accepted(text: str) -> None:
    require_allowed_dockerfile(_BASE + text, "Dockerfile")


@pytest.mark.parametrize(
    "text", ["\n", "#\n", " \\\n", "ADD \\\n", "--mount=", "ADD [", "ADD a ", "{", "//", "\ufeff"]
)
def test_dockerfile_check_takes_linear_time(text: str) -> None:
    """Large files with repeated fragments are checked within the CPU time limit."""
    for start in ("", _BASE, f"{_BASE}ADD "):
        with limit_processor_time(30), suppress(BuildError):
            require_allowed_dockerfile(start + text * (300_000 // len(text)), "Dockerfile")


def test_a_denied_source_is_reported() -> None:
    """If BuildKit denies a source, a clear error replaces BuildKit's message."""
    error = 'failed to solve: source "https://a.b/c" denied by policy: source denied by policy'

    assert "adds https://a.b/c, but builds can fetch" in str(source_denied_error(error))
    image = error.replace("https://a.b/c", "docker-image://docker.io/pushpaka-0/project-1:a.1")
    assert "uses docker.io/pushpaka-0/project-1:a.1, an image that was" in str(
        source_denied_error(image)
    )
    assert source_denied_error("failed to solve: no such file") is None


@pytest.mark.parametrize(
    ("id", "is_ours"),
    [
        ("p-cache-1/pip", True),
        ("p-cache-1//root/.cache", True),
        ("/p-cache-1", True),
        ("p-cache-10/pip", False),
        ("/p-cache-10", False),
        ("/root/.cache", False),
        ("p-cache-2/p-cache-1/x", False),
    ],
)
def test_cache_mounts_of_other_projects_are_recognized(id: str, is_ours: bool) -> None:
    assert is_ours == is_cache_mount_of(
        "p-cache-1", f'cached mount /x from exec /bin/sh with id "{id}"'
    )
