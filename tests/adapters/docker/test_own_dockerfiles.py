"""What a Dockerfile asks for is found however it is written, and nothing else is refused."""

from time import process_time

import pytest

from pushpaka_core.adapters.docker.caches import is_of
from pushpaka_core.adapters.docker.own_dockerfiles import check_dockerfile, denied_source
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
        '{"syntax": "evil"}',
        '\ufeff\n {"Syntax": "evil"}',
    ],
)
def test_another_frontend_is_refused(text: str) -> None:
    """It could ask for anything, and is asked for in more than one way."""
    with pytest.raises(BuildError, match=r"Dockerfile has a line `# syntax=`"):
        check_dockerfile(text, "Dockerfile")


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
def test_what_is_somewhere_else_is_not_added(text: str) -> None:
    """However it is written; it is said where it can be had instead."""
    lines = text if text.startswith("# escape") else _BASE + text

    with pytest.raises(BuildError, match=r"adds .*no build fetches anything but images here"):
        check_dockerfile(lines, "Dockerfile")


@pytest.mark.parametrize("source", ["$PLACE", "${PLACE:-x}/y", "a$PLACE"])
def test_what_may_be_somewhere_else_is_not_added(source: str) -> None:
    """A variable may hold any address; it is said how to write that it is a file."""
    with pytest.raises(BuildError, match=r"Write \./.* if it is a file of the repository"):
        check_dockerfile(f"{_BASE}ADD {source} /x", "Dockerfile")


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("RUN --security=insecure id", "--security=insecure"),
        ("RUN --network=HOST id", "--network=HOST"),
        ("RUN --mount=type=ssh,required=false id", "--mount=type=ssh,required=false"),
        ("RUN \\\n --mount=id=a,type=ssh id", "--mount=id=a,type=ssh"),
    ],
)
def test_what_no_build_gets_is_named(text: str, asked: str) -> None:
    """Across lines as well."""
    with pytest.raises(BuildError, match=f"asks for {asked}, which no build gets"):
        check_dockerfile(_BASE + text, "Dockerfile")


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
def test_what_is_the_repositorys_own_is_left_alone(text: str) -> None:
    """Files of the repository, commands, and what only looks like more."""
    check_dockerfile(_BASE + text, "Dockerfile")


@pytest.mark.parametrize(
    "text", ["\n", "#\n", " \\\n", "ADD \\\n", "--mount=", "ADD [", "ADD a ", "{", "//", "\ufeff"]
)
def test_no_dockerfile_takes_long(text: str) -> None:
    """A megabyte of anything is judged in a moment."""
    began = process_time()

    for start in ("", _BASE, f"{_BASE}ADD "):
        try:
            check_dockerfile(start + text * (1_000_000 // len(text)), "Dockerfile")
        except BuildError:
            continue

    assert process_time() - began < 3


def test_a_denied_source_is_told() -> None:
    """What BuildKit says of it is told in the words in which it is refused beforehand."""
    said = 'failed to solve: source "https://a.b/c" denied by policy: source denied by policy'

    assert "adds https://a.b/c, and no build fetches" in str(denied_source(said))
    image = said.replace("https://a.b/c", "docker-image://docker.io/pushpaka-0/project-1:a.1")
    assert "takes from docker.io/pushpaka-0/project-1:a.1, which was" in str(denied_source(image))
    assert denied_source("failed to solve: no such file") is None


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
def test_caches_are_told_apart_to_their_last_digit(id: str, is_ours: bool) -> None:
    """Those of the tenth project are none of the first one's."""
    assert is_ours == is_of("p-cache-1", f'cached mount /x from exec /bin/sh with id "{id}"')
