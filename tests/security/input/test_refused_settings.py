"""Dangerous settings, revisions and variables are refused, and the error names each field."""

from collections.abc import AsyncIterator, Iterator
from itertools import count, zip_longest
from typing import Any

import pytest
from tests.http.clients import REPO, Person, refused_fields

pytestmark = pytest.mark.anyio

_NUMBERS = count()
_CONTROLS = {"LF": "\n", "CR": "\r", "NUL": "\0", "ESC": "\x1b", "LS": "\u2028", "RLO": "\u202e"}
_NOT_POSITIVE_INTEGERS = ("80", True, [1], {"a": 1}, float(10**99), -1, 0, 2**70)
_NOTHING = object()

REFUSED: dict[str, tuple[Any, ...]] = {
    # tests/domain/projects/test_sources.py has more of these three.
    "repo_url": (
        "--upload-pack=touch x", "git@-oProxyCommand=x:y", "ext::sh -c touch% x", "fd::17",
        "javascript:1", "file:///etc", "../../x", "https://127.0.0.1/x", "https://[::1]/x",
        "https://169.254.169.254/x", "http://a@127.0.0.1:80\\@github.com/x",
        "https://github.com\r\nHost: y/x", "https://user:tok@host.org/r", "https://host.org:6379/x",
        "https://host.org/a/../b", f"https://host.org/{'x' * 3000}", "", 5, None, ["x"],
    ),
    "branch": (
        "-q", "--orphan=x", "main;id", "$(id)", "a..b", "@{-1}", "HEAD", "refs/heads/main",
        "x" * 256, "", 5, *(f"main{control}" for control in _CONTROLS.values()),
    ),
    "name": ("", " ", "x" * 101, 5, None, *(f"a{c}b" for c in _CONTROLS.values())),
    "root_dir": (
        "../..", "/etc", "a/../../b", ".git", "-x", "x" * 256, "",
        *(f"a{control}b" for control in _CONTROLS.values()),
    ),
    "install_command": ("npm ci\nid", "npm ci\u202eid", "x" * 5000, ""),
    "build_command": ("npm ci\nid", " "),
    "start_command": ("npm ci\0id", ["npm", "start"]),
    "health_check": ("ftp", "HTTP", "", "tcp\n", True, 1, ["http"]),
    "health_check_path": (
        "http://169.254.169.254/", "//evil", "x", "", "/\\evil", "/x y", "/#x", "/@evil",
        f"/{'x' * 300}", "/\u00e9", *(f"/x{control}" for control in _CONTROLS.values()),
    ),
    "port": (*_NOT_POSITIVE_INTEGERS, 65536, 1.5, "0x50"),
    "replicas": (*_NOT_POSITIVE_INTEGERS, 101, 1.5),
    "health_check_timeout": (0, 901),
    "rollback_window": ("30", True, [1], -1, 601, 1.5, 2**70),
    "cpu_limit": (-1, 0, 1e99, "999g", "--privileged", True, "NaN", 10**400),
    "memory_limit": (*_NOT_POSITIVE_INTEGERS, 15, "999g", "--privileged", 1e99),
    "framework": ("cobol", "../x", "x" * 65, "a\nb", ""),
    "git_token": ("a b", "a\nb", "a\r\nX-Evil: y", "a\0b", "x" * 1025, "\u00e9", ""),
    "auto_deploy": ("yes", 1, "true"),
}  # fmt: skip
REVISIONS: dict[str, tuple[Any, ...]] = {
    "branch": REFUSED["branch"],
    "commit_sha": ("--orphan=z", "HEAD~1", "HEAD'; id #", "abc", "abcdef0\n", "0" * 65, ""),
    "target": ("x", "preview:", "preview:-q", "preview:a b", "production\n", "a:b"),
}
RESERVED = (
    "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "ld_preload", "DYLD_INSERT_LIBRARIES",
    "GIT_SSH_COMMAND", "GIT_CONFIG_GLOBAL", "GIT_EXTERNAL_DIFF", "git_dir", "SSH_AUTH_SOCK",
    "BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "PS4", "IFS", "PROMPT_COMMAND", "BASH_FUNC_x",
    "PATH", "Path", "HOME", "SHELL", "USER", "TMPDIR", "PORT", "HOST",
    "DOCKER_HOST", "DOCKER_CONFIG", "BUILDKIT_SYNTAX", "BUILDKIT_CACHE_MOUNT_NS",
    "PUSHPAKA_DATABASE_URL", "pushpaka_x", "APP_URL", "APP_COMMIT", "APP_DEPLOYMENT",
    "VIRTUAL_ENV", "UV_CACHE_DIR",
)  # fmt: skip
INVALID = (
    "", "A=B", "1A", "A B", "A\n", "A\0", "\nA", "A\r", "A-B", "A.B", "$A", "é", "\uff21", "\u017f",
    "A;id", "BASH_FUNC_x%%", "\u202eA",
)  # fmt: skip
ALLOWED = ("A", "_", "a", "PATHS", "MY_PATH", "NODE_ENV", "DATABASE_URL", "GITHUB_TOKEN", "x" * 128)


def combined_settings(refused_values: dict[str, tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """Yield settings with one value per field, which together contain all of *refused_values*."""
    for values in zip_longest(*refused_values.values(), fillvalue=_NOTHING):
        fields = dict(zip(refused_values, values, strict=True))
        yield {field: value for field, value in fields.items() if value is not _NOTHING}


@pytest.fixture(scope="module")
async def project(ann: Person) -> AsyncIterator[dict[str, Any]]:
    """Yield a project, and require in the end that no test has changed it."""
    project = await ann.project("unchanged")
    yield project
    assert project == (await ann.get(f"/projects/{project['id']}")).json()


def require_no_echo(text: str, values: dict[str, Any]) -> None:
    """Require that *text* contains at most a hundred characters of each value."""
    for sent in map(str, values.values()):
        assert not any(sent[start : start + 101] in text for start in range(len(sent) - 100))


@pytest.mark.parametrize("fields", list(combined_settings(REFUSED)), ids=count())
async def test_dangerous_settings_are_refused(
    ann: Person, project: dict[str, Any], fields: dict[str, Any]
) -> None:
    """Projects cannot be created or changed with them, and the errors do not repeat the values."""
    created = await ann.post("/projects", {"name": "shop", "repo_url": REPO, **fields})
    changed = await ann.ask("PATCH", f"/projects/{project['id']}", fields)

    for answer in (created, changed):
        assert fields.keys() == refused_fields(answer)
        require_no_echo(answer.text, fields)


@pytest.mark.parametrize("fields", list(combined_settings(REVISIONS)), ids=count())
async def test_dangerous_revisions_are_not_deployed(
    ann: Person, project: dict[str, Any], fields: dict[str, Any]
) -> None:
    answer = await ann.post("/deployments", {"project_id": project["id"], **fields})

    assert fields.keys() == refused_fields(answer)
    require_no_echo(answer.text, fields)


async def test_reserved_and_invalid_env_vars_are_refused(
    ann: Person, project: dict[str, Any]
) -> None:
    """If a request sets several variables, and one of them is refused, none is set."""
    names = [*RESERVED, *INVALID]
    variables = {"GOOD": "1", **dict.fromkeys(names, "2")}

    among = await ann.ask("PUT", f"/projects/{project['id']}/env", {"variables": variables})
    alone = [
        await ann.post("/env", {"project_id": project["id"], "key": name, "value": "1"})
        for name in (*names, "x" * 129, "A" * 5000)
    ]

    assert {f"variables.{name}" for name in names} == refused_fields(among)
    assert all({"key"} == refused_fields(answer) for answer in alone)
    assert {"data": []} == (await ann.get(f"/env?project_id={project['id']}")).json()
    assert max(len(answer.text) for answer in alone) < 1000


@pytest.mark.parametrize(
    "value",
    ["a\0b", "x" * 65537, "é" * 32769, 5, None, True, ["x"], {"a": "b"}],
    ids=lambda value: ascii(value)[:20],
)
async def test_values_that_no_env_var_can_have_are_refused(
    ann: Person, project: dict[str, Any], value: Any
) -> None:
    answer = await ann.post("/env", {"project_id": project["id"], "key": "KEY", "value": value})

    assert {"value"} == refused_fields(answer)
    assert len(answer.text) < 500


async def test_other_env_vars_are_accepted(ann: Person) -> None:
    project = await ann.project("allowed")
    variables = {"variables": dict.fromkeys(ALLOWED, "1")}

    answer = await ann.ask("PUT", f"/projects/{project['id']}/env", variables)

    assert 200 == answer.status_code
    assert set(ALLOWED) == {env_var["key"] for env_var in answer.json()["data"]}


@pytest.mark.parametrize(
    "accepted",
    [
        {"branch": "feature/login-v2"},
        {"branch": "v1.2.3"},
        {"branch": "dependabot/npm_and_yarn/a-1.2"},
        {"branch": "fix/#12"},
        {"branch": "renovate/@types/node-20.x"},
        {"branch": "entwicklung/größe"},
        {"root_dir": "apps/my app"},
        {"root_dir": "packages/@org/web"},
        {"start_command": "sh -c 'a && b; c | d > e 2>&1' \"$X\" `id` $(id)"},
        {"health_check_path": "/health?full=1&x=%20"},
        {"name": "x;touch p"},
        {"name": "$(id) ../x"},
        {"name": "Müller & Söhne 🎉"},
        {"repo_url": "git@github.com:user/repo.git"},
        {"repo_url": "ssh://git@gitea.example.org:2222/a/b"},
        {"repo_url": "https://dev.azure.com/org/a%20b/_git/c"},
        {"cpu_limit": 0.5, "memory_limit": 64, "port": 65535},
    ],
    ids=str,
)
async def test_everyday_settings_are_accepted(ann: Person, accepted: dict[str, Any]) -> None:
    new = {"name": f"shop {next(_NUMBERS)}", "repo_url": REPO}

    created = await ann.post("/projects", {**new, **accepted})
    blank = await ann.post("/projects", {**new, "name": f"shop {next(_NUMBERS)}"})
    await ann.ask("DELETE", f"/projects/{created.json()['id']}")  # a name is used once
    changed = await ann.ask("PATCH", f"/projects/{blank.json()['id']}", accepted)

    assert (201, 200) == (created.status_code, changed.status_code), created.text + changed.text
    assert accepted.items() <= created.json().items()
    assert accepted.items() <= changed.json().items()
