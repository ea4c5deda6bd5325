"""The worker validates values from the database again before it uses them."""

import json
from hashlib import sha256
from uuid import UUID

import pytest
from tests.security.served_fixture import ServedFixture

pytestmark = [pytest.mark.anyio, pytest.mark.suite("integration")]

_URL = "The repository URL cannot be used"
_REVISION = "The branch or the commit cannot be used"
_OUTSIDE = "points outside the repository"
_PLANTED = (
    ("repo_url", "ext::sh -c touch% {canary}", _URL),
    ("repo_url", "--upload-pack=touch {canary}", _URL),
    ("repo_url", "ssh://-oProxyCommand=touch%20{canary}/x", _URL),
    ("repo_url", "{data}", _URL),
    ("repo_url", "http://127.0.0.1/x.git", _URL),
    ("repo_url", "https://user:token@github.com/x", _URL),
    ("branch", "--upload-pack=touch {canary}", _REVISION),
    ("branch", "HEAD", _REVISION),
    ("root_dir", "../../..", _OUTSIDE),
    ("root_dir", "linked", "contains a symbolic link"),
)
_ODD_VALUES = {
    "LINES": "a\nINJECTED=1\n",
    "RETURNS": "a\r\nINJECTED=1\r",
    "QUOTES": "'\"`\\\"'",
    "SHELLS": "$(id) `id` $HOME ${PATH} $$ ; | & > <",
    "HASH": "#a #",
    "SPACES": "  a\t ",
    "EQUALS": "a=b=c",
    "PERCENT": "%s %(x)s {0} {{x}}",
    "EMPTY": "",
    "LONG": "x" * 65536,
    "WORDS": "größe 🎉 \u2028 \u202e \x1b[31m \x7f",
}


@pytest.mark.parametrize(("column", "value", "sentence"), _PLANTED)
async def test_a_dangerous_value_in_the_database_fails_the_deployment(
    served_fixture: ServedFixture, column: str, value: str, sentence: str
) -> None:
    """The worker executes nothing, and reads nothing outside the repository."""
    project = await served_fixture.project(
        f"{column} {value}"[:100].replace("\n", " ").replace("\0", " ")
    )
    planted = value.format(
        canary=served_fixture.canary, data=served_fixture.served_instance.data_directory
    )
    statement = f"UPDATE projects SET {column} = ? WHERE id = ?"  # noqa: S608
    await served_fixture.plant(statement, planted, UUID(project).hex)

    ended = await served_fixture.served_instance.deploy(served_fixture.api, project)

    assert ("failed", True) == (ended["status"], sentence in ended["error"]), ended["error"]
    assert not await served_fixture.canary.exists()


async def test_a_reserved_env_var_in_the_database_reaches_no_program_of_the_platform(
    served_fixture: ServedFixture,
) -> None:
    project = await served_fixture.project("planted env vars", root_dir="site")
    planted = ("GIT_TRACE", "GIT_TRACE2", "LD_PRELOAD", "BASH_ENV", "GIT_SSH_COMMAND", "PATH")
    for number, key in enumerate(planted):
        name = {"project_id": project, "key": f"NAME_{number}", "value": str(served_fixture.canary)}
        await served_fixture.api.post("/env", json=name)
        await served_fixture.plant(
            "UPDATE env_vars SET key = ? WHERE key = ?", key, f"NAME_{number}"
        )

    ended = await served_fixture.served_instance.deploy(served_fixture.api, project)

    assert "running" == ended["status"], ended["error"]
    assert not await served_fixture.canary.exists()


async def test_any_value_reaches_the_application_unchanged(served_fixture: ServedFixture) -> None:
    project = await served_fixture.project("tells", root_dir="tells")
    variables = {"variables": _ODD_VALUES}
    answer = await served_fixture.api.put(f"/projects/{project}/env", json=variables)
    assert 200 == answer.status_code, answer.text

    ended = await served_fixture.served_instance.deploy(served_fixture.api, project)

    names, seen = json.loads((await served_fixture.log(ended, stream="stdout"))[0])
    wanted = {key: sha256(value.encode()).hexdigest() for key, value in _ODD_VALUES.items()}
    assert wanted == {key: seen.get(key) for key in wanted}
    assert "INJECTED" not in names
