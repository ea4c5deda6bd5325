"""A repository's own Dockerfile: inside the repository, and asking for nothing that it may not."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from tests.fuzzing.effort import Refusal, bounded, outcome
from tests.fuzzing.mutations import nearly

from pushpaka_core.adapters.docker.contexts import Context, Contexts
from pushpaka_core.adapters.files.tree import load_tree
from pushpaka_core.detection.repository_file.keys import BY_PATH
from pushpaka_core.domain.build_plans import OwnDockerfile
from pushpaka_core.errors import BuildError
from pushpaka_core.ports.builder import BuildRequest
from pushpaka_core.testing.applications import NUMBER, PROJECT, new_lease, plan

DOCKERFILES = (
    "# syntax=docker/dockerfile:1\nFROM debian:trixie-slim\nCOPY . /app\n",
    "#!/usr/bin/env buildkit\n// escape=`\n// syntax = evil/frontend\nFROM scratch\n",
    '{"syntax": "evil/frontend"}\n',
    '#!/usr/bin/env buildkit\n\n {"syntax": "evil/frontend"}\n',
    "# escape=`\n# syntax=evil/frontend\nFROM a\nRUN echo `\n  b\n",
    "FROM debian:trixie-slim AS build\n# syntax of it\nRUN make\n",
)
FORBIDDEN = ("--security=insecure", "--network=host", "--mount=type=ssh", "--mount=id=a,type=ssh")
PATHS = ("Dockerfile", "deploy/Dockerfile", "./Dockerfile", "linked", "outside", "deploy/up")
CONTEXTS = (".", "deploy", "..", "../..", "deploy/up", "outside", "deploy/../..", "a/..")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with an application in a directory, and links that lead out of it."""
    root = tmp_path_factory.mktemp("repository")
    app = root / "app"
    (app / "deploy").mkdir(parents=True)
    for directory in (app, app / "deploy"):
        (directory / "Dockerfile").write_text("FROM scratch\n")
    (app / "linked").symlink_to("Dockerfile")
    (app / "outside").symlink_to("/etc/passwd")
    (app / "deploy/up").symlink_to("/etc")
    return root


def prepared(repository: Path, own: OwnDockerfile, scratch: Path) -> Context | Refusal:
    """Return what a build by a repository's own Dockerfile is told."""
    request = BuildRequest(
        lease=new_lease(),
        project_id=PROJECT,
        project_number=NUMBER,
        plan=plan(directory="app", dockerfile=own),
        directory=repository,
        env={},
    )
    contexts = Contexts(salt=b"", tree_of=lambda directory: load_tree(directory, ""))
    return outcome(lambda: contexts._of_own(request, own, scratch), BuildError, within=0.5)


def read(text: str, directory: Path) -> Context | Refusal:
    """Return what a build of *text* is told."""
    repository = directory / "of-a-dockerfile"
    app = repository / "app"
    app.mkdir(parents=True, exist_ok=True)
    (app / "Dockerfile").write_text(text, errors="replace")
    return prepared(repository, OwnDockerfile(), directory)


def may_be_said(key: str, value: str) -> bool:
    """Tell whether pushpaka.toml may have *value* under *key*."""
    result = outcome(lambda: BY_PATH[key].check(value), ValueError, within=0.1)
    return not isinstance(result, Refusal)


def has_frontend(text: str) -> bool:
    """Tell whether BuildKit hands *text* to a frontend that it names, read as BuildKit reads it."""
    text = text.removeprefix("\ufeff")
    if text.startswith("#!"):
        text = text.partition("\n")[2]
    return any(_is_named_behind(mark, text) for mark in ("#", "//")) or _is_named_in_json(text)


def _is_named_behind(mark: str, text: str) -> bool:
    """Tell whether one of the directives at the top, each behind *mark*, names one."""
    for line in text.split("\n"):
        directive = re.fullmatch(rf"{mark}\s*([a-z]+)\s*=\s*\S.*", line.strip("\r"), re.IGNORECASE)
        if not directive or directive[1].lower() not in {"syntax", "escape", "check"}:
            return False
        if directive[1].lower() == "syntax":
            return True
    return False


def _is_named_in_json(text: str) -> bool:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and isinstance(document.get("syntax"), str)


@st.composite
def disguised(draw: DrawFn, flag: str) -> str:
    """Return *flag* as BuildKit still understands it: quoted, escaped, or over two lines."""
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(3, len(flag) - 1))
        before, after = flag[:place], flag[place:]
        match draw(st.sampled_from(("quotes", "escape", "break", "comment"))):
            case "quotes" if not re.search(r"""["'\\\n]""", flag):
                flag = f'{before}"{after[0]}"{after[1:]}'
            case "escape" if not re.search(r"""["'\\\n]""", flag):
                flag = f"{before}\\{after}"
            case "break" if "\n" not in flag:
                flag = f"{before}\\\n{after}"
            case "comment" if "\n" not in flag:
                flag = f"{before}\\\n# said aside\n{after}"
            case _:
                pass
    return flag


@bounded
@given(text=nearly(DOCKERFILES))
def test_no_frontend_of_others_is_fetched(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However a file names one that BuildKit understands, no build begins."""
    said = read(text, tmp_path_factory.getbasetemp())

    assert isinstance(said, Refusal) or not has_frontend(text)


@bounded
@given(flag=st.sampled_from(FORBIDDEN).flatmap(disguised))
def test_no_build_gets_what_is_forbidden(
    flag: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However the flag is written, no build begins."""
    text = f"FROM debian:trixie-slim\nRUN --mount=type=cache,target=/c {flag} id\n"

    assert isinstance(read(text, tmp_path_factory.getbasetemp()), Refusal)


@bounded
@given(path=nearly(PATHS), context=nearly(CONTEXTS))
def test_a_build_stays_in_the_repository(
    path: str, context: str, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever file and context are named, both are in the repository, or no build begins."""
    assume(may_be_said("docker.file", path) and may_be_said("docker.context", context))
    own = OwnDockerfile(path=path, context=context)

    said = prepared(repository, own, tmp_path_factory.getbasetemp())

    if not isinstance(said, Refusal):
        file = Path(said.arguments[said.arguments.index("--file") + 1])
        assert file.resolve().is_relative_to(repository)
        assert Path(said.arguments[-1]).resolve().is_relative_to(repository)
