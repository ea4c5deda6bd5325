"""The worker trusts no row: what the API would have refused is refused again."""

import json
from hashlib import sha256
from uuid import UUID

import pytest
from tests.security.scenes import Scene

pytestmark = pytest.mark.anyio

_URL = "The repository URL cannot be used"
_REVISION = "The branch or the commit cannot be used"
_OUTSIDE = "leads outside repository"
_PLANTED = (
    ("repo_url", "ext::sh -c touch% {canary}", _URL),
    ("repo_url", "--upload-pack=touch {canary}", _URL),
    ("repo_url", "ssh://-oProxyCommand=touch%20{canary}/x", _URL),
    ("repo_url", "git@-oProxyCommand=touch {canary}:x", _URL),
    ("repo_url", "file:///etc", _URL),
    ("repo_url", "{data}", _URL),
    ("repo_url", "http://127.0.0.1/x.git", _URL),
    ("repo_url", "https://2130706433/x.git", _URL),
    ("repo_url", "https://user:token@github.com/x", _URL),
    ("repo_url", "https://github.com/x\nhttps://github.com/y", _URL),
    ("branch", "--upload-pack=touch {canary}", _REVISION),
    ("branch", "-q", _REVISION),
    ("branch", "main\n", _REVISION),
    ("branch", "HEAD", _REVISION),
    ("root_dir", "../../..", _OUTSIDE),
    ("root_dir", "/etc", _OUTSIDE),
    ("root_dir", "linked", "leads through a symbolic link"),
    ("root_dir", "a\0b", _OUTSIDE),
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
async def test_a_planted_value_fails_the_deployment(
    scene: Scene, column: str, value: str, sentence: str
) -> None:
    """Nothing is executed, and nothing outside the repository is read."""
    project = await scene.project(f"{column} {value}"[:100].replace("\n", " ").replace("\0", " "))
    planted = value.format(canary=scene.canary, data=scene.served.data_directory)
    await scene.plant(f"UPDATE projects SET {column} = ? WHERE id = ?", planted, UUID(project).hex)  # noqa: S608

    ended = await scene.served.deploy(scene.api, project)

    assert ("failed", True) == (ended["status"], sentence in ended["error"]), ended["error"]
    assert not await scene.canary.exists()


async def test_a_planted_env_var_reaches_no_program_of_the_platform(scene: Scene) -> None:
    """Git writes no trace, no library is loaded and no shell reads a file by it."""
    project = await scene.project("planted env vars", root_dir="site")
    planted = ("GIT_TRACE", "GIT_TRACE2", "LD_PRELOAD", "BASH_ENV", "GIT_SSH_COMMAND", "PATH")
    for number, key in enumerate(planted):
        name = {"project_id": project, "key": f"NAME_{number}", "value": str(scene.canary)}
        await scene.api.post("/env", json=name)
        await scene.plant("UPDATE env_vars SET key = ? WHERE key = ?", key, f"NAME_{number}")

    ended = await scene.served.deploy(scene.api, project)

    assert "running" == ended["status"], ended["error"]
    assert not await scene.canary.exists()


async def test_a_value_reaches_an_application_byte_for_byte(scene: Scene) -> None:
    """Whatever a shell or a file of env vars would make of it; it brings nothing else along."""
    project = await scene.project("tells", root_dir="tells")
    variables = {"variables": _ODD_VALUES}
    answer = await scene.api.put(f"/projects/{project}/env", json=variables)
    assert 200 == answer.status_code, answer.text

    ended = await scene.served.deploy(scene.api, project)

    names, seen = json.loads((await scene.log(ended, stream="stdout"))[0])
    wanted = {key: sha256(value.encode()).hexdigest() for key, value in _ODD_VALUES.items()}
    assert wanted == {key: seen.get(key) for key in wanted}
    assert "INJECTED" not in names
