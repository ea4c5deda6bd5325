"""Env vars: names by which a program is steered are refused, and values are only ever values."""

import json
from itertools import count
from typing import Any

import pytest
from tests.http.clients import Person, wrong_fields

pytestmark = pytest.mark.anyio

_NAMES = count()
RESERVED = (
    "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "ld_preload", "DYLD_INSERT_LIBRARIES",
    "GIT_SSH_COMMAND", "GIT_CONFIG_GLOBAL", "GIT_EXTERNAL_DIFF", "git_dir", "SSH_AUTH_SOCK",
    "BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "PS4", "IFS", "PROMPT_COMMAND", "BASH_FUNC_x",
    "PATH", "Path", "HOME", "SHELL", "USER", "TMPDIR", "PORT", "HOST",
    "DOCKER_HOST", "DOCKER_CONFIG", "BUILDKIT_SYNTAX", "BUILDKIT_CACHE_MOUNT_NS",
    "PUSHPAKA_DATABASE_URL", "pushpaka_x", "APP_URL", "APP_COMMIT", "APP_DEPLOYMENT",
    "VIRTUAL_ENV", "UV_CACHE_DIR",
)  # fmt: skip
ODD = (
    "", "A=B", "1A", "A B", "A\n", "A\0", "\nA", "A\r", "A-B", "A.B", "$A", "é", "\uff21", "\u017f",
    "x" * 129, "A" * 5000, "A;id", "BASH_FUNC_x%%", "\u202eA",
)  # fmt: skip
ALLOWED = ("A", "_", "a", "PATHS", "MY_PATH", "NODE_ENV", "DATABASE_URL", "GITHUB_TOKEN", "x" * 128)
BAD_VALUES = ("a\0b", "x" * 65537, "é" * 32769, 5, None, True, ["x"], {"a": "b"})


@pytest.fixture(scope="module")
async def project_id(ann: Person) -> str:
    project = await ann.project("shop")
    return str(project["id"])


@pytest.mark.parametrize("key", [*RESERVED, *ODD], ids=lambda key: ascii(key)[:30])
async def test_a_name_is_refused_however_it_is_sent(ann: Person, project_id: str, key: str) -> None:
    """Alone, among others, and in every scope; nothing of what was sent with it is set."""
    one = {"project_id": project_id, "key": key, "value": "1", "scope": "preview"}

    alone = await ann.post("/env", one)
    many = {"variables": {"GOOD": "1", key: "2"}}
    among = await ann.ask("PUT", f"/projects/{project_id}/env", many)

    assert (400, ["key"]) == (alone.status_code, wrong_fields(alone))
    assert 400 == among.status_code
    assert [f"variables.{key}"[:100]] == [field[:100] for field in wrong_fields(among)]
    assert {"data": []} == (await ann.get(f"/env?project_id={project_id}")).json()
    assert max(len(alone.text), len(among.text)) < 1000


@pytest.mark.parametrize("value", BAD_VALUES, ids=lambda value: ascii(value)[:20])
async def test_a_value_is_text_that_an_environment_can_carry(
    ann: Person, project_id: str, value: Any
) -> None:
    """Anything else is refused, and never shown."""
    answer = await ann.post(
        "/env",
        content=json.dumps({"project_id": project_id, "key": "KEY", "value": value}).encode(),
        headers={"Content-Type": "application/json"},
    )

    assert (400, ["value"]) == (answer.status_code, wrong_fields(answer))
    assert len(answer.text) < 500


@pytest.mark.parametrize("key", ALLOWED, ids=lambda key: key[:20])
async def test_a_name_that_steers_nothing_is_taken(ann: Person, key: str) -> None:
    """Also one that only looks like a reserved one."""
    project = await ann.project(f"allowed {next(_NAMES)}")

    answer = await ann.post("/env", {"project_id": project["id"], "key": key, "value": "1"})

    assert (200, key) == (answer.status_code, answer.json()["key"])
