"""Settings that want more than a setting may are refused when they are made, and when changed."""

from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest
from tests.http.clients import REPO, Person, wrong_fields

from pushpaka_core.detection import MemoryTree, Wishes, detect
from pushpaka_core.errors import DetectionError

pytestmark = pytest.mark.anyio

_NUMBERS = count()
_CONTROLS = {"LF": "\n", "CR": "\r", "NUL": "\0", "ESC": "\x1b", "LS": "\u2028", "RLO": "\u202e"}
_NOT_ON_ONE_LINE = tuple(f"npm ci{control}id" for control in _CONTROLS.values())
_NUMBERS_THAT_ARE_NONE = ("80", True, [1], {"a": 1}, float(10**99), -1, 0, 2**70)

REFUSED: dict[str, tuple[Any, ...]] = {
    "repo_url": (
        "--upload-pack=touch x", "-u./x", "-oProxyCommand=touch x:repo",
        "ssh://-oProxyCommand=x/y", "ssh://-oProxyCommand=touch%20x@h/y", "git@-oProxyCommand=x:y",
        "ext::sh -c touch% x", "ext::sh", "fd::17", "transport::x", "git://h/x", "ftp://h/x",
        "javascript:1", "data:text/plain,x", "git+ssh://h/x", "rsync://h/x",
        "file:///etc", "/var/lib/pushpaka/projects/1", "../../x", "C:\\x", "\\\\h\\x", "./x", "~/x",
        "https://127.0.0.1/x", "http://localhost./x", "https://[::1]/x", "https://0/x",
        "https://169.254.169.254/x", "https://100.100.100.200/x", "https://192.0.0.192/x",
        "https://[fd00:ec2::254]/x", "https://metadata.google.internal/x", "git@127.0.0.1:x",
        "http://a@127.0.0.1:80\\@github.com/x", "https://git\thub.com/x", "https://github.com/x\n",
        "https://github.com\r\nHost: y/x", "https:///etc/passwd", " https://github.com/x",
        "https://user:tok@host.org/r", "https://tok@host.org/r", "https://host.org:6379/x",
        "https://host.org:0/x", "https://host.org:70000/x", "https://host.org/a/../b",
        "https://host.org/%2e%2e/x\0", f"https://host.org/{'x' * 3000}", "", 5, None, ["x"],
    ),
    "branch": (
        "-q", "--orphan=x", "main;id", "$(id)", "`id`", "a b", "a..b", "@{-1}", "@", "x.lock", "/x",
        "HEAD", "refs/heads/main", "x" * 256, "", "a~1", "a^{}", "a:b", "a\\b", "\uff0dx", 5,
        *(f"main{control}" for control in _CONTROLS.values()),
    ),
    "name": ("", " ", "x" * 101, 5, None, *(f"a{c}b" for c in _CONTROLS.values())),
    "root_dir": (
        "../..", "/etc", "a/../../b", "%2e%2e/", "..\\..", "~root", ".git", "a/.GIT/hooks", "-x",
        "a//b", "x" * 256, "", "$(id)", "`id`", *(f"a{c}b" for c in _CONTROLS.values()),
    ),
    "install_command": (*_NOT_ON_ONE_LINE, "x" * 5000, "", " "),
    "build_command": (*_NOT_ON_ONE_LINE, "x" * 5000, "", " "),
    "start_command": (*_NOT_ON_ONE_LINE, "x" * 5000, "", " ", ["npm", "start"]),
    "health_check_path": (
        "http://169.254.169.254/", "//evil", "/x\r\nHost: y", "x", "", "/\\evil", "/x y", "/#x",
        "/@evil", f"/{'x' * 300}", "/\u00e9", *(f"/x{c}" for c in _CONTROLS.values()),
    ),
    "port": (*_NUMBERS_THAT_ARE_NONE, 65536, 1.5, "0x50"),
    "replicas": (*_NUMBERS_THAT_ARE_NONE, 101, 1.5),
    "health_check_timeout": (*_NUMBERS_THAT_ARE_NONE, 901),
    "cpu_limit": (-1, 0, 1e99, "999g", "--privileged", True, "NaN", 10**400),
    "memory_limit": (*_NUMBERS_THAT_ARE_NONE, 15, "999g", "--privileged", 1e99),
    "framework": ("cobol", "../x", "x" * 65, "a\nb", ""),
    "git_token": ("a b", "a\nb", "a\r\nX-Evil: y", "a\0b", "x" * 1025, "\u00e9", ""),
    "auto_deploy": ("yes", 1, "true"),
}  # fmt: skip


def _each() -> list[Any]:
    return [
        pytest.param(field, value, id=f"{field}-{number}")
        for field, values in REFUSED.items()
        for number, value in enumerate(values)
    ]


@pytest.fixture(scope="module")
async def project(ann: Person) -> AsyncIterator[dict[str, Any]]:
    """Return a project that nobody ever manages to change."""
    project = await ann.project("unchanged")
    yield project
    assert project == (await ann.get(f"/projects/{project['id']}")).json()


@pytest.mark.parametrize(("field", "value"), _each())
async def test_is_refused_by_its_name(
    ann: Person, project: dict[str, Any], field: str, value: Any
) -> None:
    """In a new project and in a change of one, without a word too many of what was sent."""
    new = {"name": f"shop {next(_NUMBERS)}", "repo_url": REPO, field: value}

    created = await ann.post("/projects", new)
    changed = await ann.ask("PATCH", f"/projects/{project['id']}", {field: value})

    for answer in (created, changed):
        assert (400, [field]) == (answer.status_code, wrong_fields(answer)), answer.text
        assert not _echoes(answer.text, value)


@pytest.mark.parametrize("sent", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
async def test_what_json_has_no_number_for_is_refused(ann: Person, sent: str) -> None:
    """Neither is one of them taken for a limit, nor does it break anything."""
    body = f'{{"name": "odd {next(_NUMBERS)}", "repo_url": "{REPO}", "cpu_limit": {sent}}}'
    headers = {"Content-Type": "application/json"}

    answer = await ann.post("/projects", content=body.encode(), headers=headers)

    assert 400 == answer.status_code
    assert len(answer.text) < 500


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("branch", value) for value in REFUSED["branch"]),
        *(
            ("commit_sha", value)
            for value in ("--orphan=z", "HEAD~1", "HEAD'; id #", "abc", "abcdef0\n", "0" * 65, "")
        ),
        *(
            ("target", value)
            for value in ("x", "preview:", "preview:-q", "preview:a b", "production\n", "a:b")
        ),
    ],
    ids=repr,
)
async def test_what_a_deployment_must_not_name_is_refused(
    ann: Person, project: dict[str, Any], field: str, value: Any
) -> None:
    """Neither is it deployed, nor is a plan made of it."""
    wanted = {"project_id": project["id"], field: value}

    answer = await ann.post("/deployments", wanted)

    assert (400, [field]) == (answer.status_code, wrong_fields(answer)), answer.text
    assert not _echoes(answer.text, value)


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
async def test_what_people_write_is_taken_as_it_is(ann: Person, accepted: dict[str, Any]) -> None:
    """No rule costs anybody a setting that does no harm."""
    new = {"name": f"shop {next(_NUMBERS)}", "repo_url": REPO}

    created = await ann.post("/projects", {**new, **accepted})
    blank = await ann.post("/projects", {**new, "name": f"shop {next(_NUMBERS)}"})
    await ann.ask("DELETE", f"/projects/{created.json()['id']}")  # a name is used once
    changed = await ann.ask("PATCH", f"/projects/{blank.json()['id']}", accepted)

    assert (201, 200) == (created.status_code, changed.status_code), created.text + changed.text
    assert accepted.items() <= created.json().items()
    assert accepted.items() <= changed.json().items()


@pytest.mark.parametrize(
    "name", ["x;touch p", "$(id)", "../x", "A B", "-rf", "--help", "%2e%2e", "a\u0301", "\u202f"]
)
async def test_a_name_becomes_a_harmless_part_of_an_address(ann: Person, name: str) -> None:
    """It is shown as it is, and nothing but a DNS label is made of it."""
    answer = await ann.post("/projects", {"name": f"{name}{next(_NUMBERS)}", "repo_url": REPO})

    slug = answer.json()["slug"]
    assert 201 == answer.status_code
    assert slug.isascii()
    assert slug == slug.lower() == slug.strip("-")
    assert slug.replace("-", "").isalnum()
    assert len(slug) <= 40


@pytest.mark.parametrize(
    "said",
    [
        'watch_paths = ["../x"]',
        'watch_paths = ["/x"]',
        'watch_paths = ["a\\nb"]',
        f'watch_paths = ["{"**/" * 100}"]',
        f"watch_paths = {['a'] * 101}",
        'docker.file = "../../../../etc/passwd"',
        'docker.file = "/etc/passwd"',
        'docker.file = "a\\u0000b"',
        'docker.file = "-f"',
        'docker.context = "/"',
        'docker.context = "a\\nb"',
        'docker.target = "--privileged"',
        'docker.target = "a b"',
        'commands.start = "a\\nb"',
        'commands.build = ["ok", "a\\rb"]',
        'health_check.path = "//evil"',
        'health_check.path = "http://169.254.169.254/"',
        "port = 0",
        "port = true",
        'port = "80"',
        "resources.memory = -1",
        "resources.cpu = 1e99",
        "resources.cpu = nan",
        'env.required = ["LD_PRELOAD"]',
        'env.required = ["A=B"]',
        'static.directory = "../.."',
        'processes."a/../b" = "x"',
        'processes.worker = "a\\nb"',
    ],
)
def test_a_repository_may_not_say_it_either(said: str) -> None:
    """Its pushpaka.toml is held to the same rules, and its owner is told where it breaks one."""
    tree = MemoryTree({"pushpaka.toml": said, "index.html": "", "Dockerfile": "FROM x"})

    with pytest.raises(DetectionError, match=r"pushpaka\.toml"):
        detect(tree, Wishes())


def _echoes(text: str, value: Any) -> bool:
    """Tell whether *text* has more than a hundred characters of *value*."""
    sent = str(value)
    return any(sent[start : start + 101] in text for start in range(len(sent) - 100))
