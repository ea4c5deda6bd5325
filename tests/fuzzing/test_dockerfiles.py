"""A Dockerfile has to be inside its repository, and cannot use forbidden features."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from tests.fuzzing.effort import Refusal, bounded, outcome
from tests.fuzzing.mutations import mutated

from pushpaka_core.adapters.docker.contexts import BuildContext, BuildContexts
from pushpaka_core.adapters.files.tree import load_tree
from pushpaka_core.detection.repository_file.keys import BY_PATH
from pushpaka_core.domain.pipeline.build_plans import RepositoryDockerfile
from pushpaka_core.errors import BuildError
from pushpaka_core.ports.builder import BuildRequest
from pushpaka_core.testing.applications import PROJECT, PROJECT_NUMBER, new_lease, plan

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
    """Return a repository with an application in a directory, and links that point outside it."""
    root = tmp_path_factory.mktemp("repository")
    app = root / "app"
    (app / "deploy").mkdir(parents=True)
    for directory in (app, app / "deploy"):
        (directory / "Dockerfile").write_text("FROM scratch\n")
    (app / "linked").symlink_to("Dockerfile")
    (app / "outside").symlink_to("/etc/passwd")
    (app / "deploy/up").symlink_to("/etc")
    return root


def prepare(
    repository: Path, dockerfile: RepositoryDockerfile, scratch_directory: Path
) -> BuildContext | Refusal:
    """Return the build context for *dockerfile* in *repository*, or the refusal."""
    request = BuildRequest(
        lease=new_lease(),
        project_id=PROJECT,
        project_number=PROJECT_NUMBER,
        plan=plan(directory="app", dockerfile=dockerfile),
        directory=repository,
        env={},
    )
    contexts = BuildContexts(salt=b"", tree_of=lambda directory: load_tree(directory, ""))
    return outcome(
        lambda: contexts._own_dockerfile_context(request, dockerfile, scratch_directory), BuildError
    )


def prepare_text(text: str, directory: Path) -> BuildContext | Refusal:
    """Return the build context for a Dockerfile with the content *text*, or the refusal."""
    repository = directory / "of-a-dockerfile"
    app = repository / "app"
    app.mkdir(parents=True, exist_ok=True)
    (app / "Dockerfile").write_text(text, errors="replace")
    return prepare(repository, RepositoryDockerfile(), directory)


def is_accepted(key: str, value: str) -> bool:
    """Return True if pushpaka.toml accepts *value* for the Dockerfile setting *key*."""
    result = outcome(lambda: BY_PATH[key].check(value), ValueError)
    return not isinstance(result, Refusal)


def has_frontend(text: str) -> bool:
    """Return True if BuildKit would fetch a frontend for the Dockerfile *text*."""
    text = text.removeprefix("\ufeff")
    if text.startswith("#!"):
        text = text.partition("\n")[2]
    return any(_has_syntax_directive(mark, text) for mark in ("#", "//")) or _has_syntax_key(text)


def _has_syntax_directive(comment_mark: str, text: str) -> bool:
    """Return True if a directive in the comments at the top of *text* names a frontend."""
    pattern = re.compile(rf"{comment_mark}\s*([a-z]+)\s*=\s*\S.*", re.IGNORECASE)
    for line in text.split("\n"):
        directive = pattern.fullmatch(line.strip("\r"))
        if not directive or directive[1].lower() not in {"syntax", "escape", "check"}:
            return False
        if directive[1].lower() == "syntax":
            return True
    return False


def _has_syntax_key(text: str) -> bool:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and isinstance(document.get("syntax"), str)


@st.composite
def disguise(draw: DrawFn, flag: str) -> str:
    """Draw a form of *flag* that BuildKit accepts: quoted, escaped or on two lines."""
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
                flag = f"{before}\\\n# a comment\n{after}"
            case _:
                pass
    return flag


@bounded
@given(text=mutated(DOCKERFILES))
def test_external_frontends_are_refused(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    build_context = prepare_text(text, tmp_path_factory.getbasetemp())

    assert isinstance(build_context, Refusal) or not has_frontend(text)


@bounded
@given(flag=st.sampled_from(FORBIDDEN).flatmap(disguise))
def test_forbidden_flags_are_refused_in_any_form(
    flag: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = f"FROM debian:trixie-slim\nRUN --mount=type=cache,target=/c {flag} id\n"

    assert isinstance(prepare_text(text, tmp_path_factory.getbasetemp()), Refusal)


@bounded
@given(path=mutated(PATHS), context=mutated(CONTEXTS))
def test_a_build_stays_in_the_repository(
    path: str, context: str, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assume(not re.search("[\ud800-\udfff]", path + context))  # TOML cannot contain them.
    assume(is_accepted("docker.file", path) and is_accepted("docker.context", context))
    own = RepositoryDockerfile(path=path, context=context)

    build_context = prepare(repository, own, tmp_path_factory.getbasetemp())

    if not isinstance(build_context, Refusal):
        file = Path(build_context.arguments[build_context.arguments.index("--file") + 1])
        assert file.resolve().is_relative_to(repository)
        assert Path(build_context.arguments[-1]).resolve().is_relative_to(repository)
