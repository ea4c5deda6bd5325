"""What decides whether two installations leave the same packages."""

import json
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest
from anyio import to_thread

from pushpaka_core.adapters.process.install_inputs import key_of
from pushpaka_core.adapters.process.releases import Release
from pushpaka_core.detection.node.managers import BUN, NPM, YARN, Manager
from pushpaka_core.domain.build_plans import BuildPlan, Origin, Step
from pushpaka_core.testing.applications import plan

pytestmark = pytest.mark.anyio

LOCK = '{"packages": {"node_modules/tiny": {"version": "1.0.0"}}}'


def _plan(command: str = NPM.install, origin: Origin = Origin.DETECTED, at: str = "") -> BuildPlan:
    install = Step(command=command, origin=origin)
    return plan(language="node", directory=at, install=install)


def _manifest(**fields: object) -> dict[str, str]:
    return {"package.json": json.dumps({"dependencies": {"tiny": "1"}, **fields})}


FILES = {**_manifest(), "package-lock.json": LOCK, "main.js": "1"}


async def test_the_code_of_an_application_does_not_count(tmp_path: Path) -> None:
    """Whatever else a commit changes, the same packages are installed."""
    key = await _key(tmp_path, FILES)

    assert key is not None
    assert key == await _key(tmp_path, {**FILES, "main.js": "2", "README.md": ""})


@pytest.mark.parametrize(
    "changed",
    [
        {"package-lock.json": LOCK.replace("1.0.0", "1.0.1")},
        {"npm-shrinkwrap.json": LOCK},
        _manifest(overrides={"tiny": "1.0.1"}),
        {".npmrc": "omit=optional"},
        {".npmrc": ""},
    ],
    ids=["lock file", "another lock file", "manifest", "settings", "empty settings"],
)
async def test_files_that_installers_read_count(tmp_path: Path, changed: dict[str, str]) -> None:
    """Each of them makes another installation."""
    key = await _key(tmp_path, {**FILES, **changed})

    assert key is not None
    assert key != await _key(tmp_path, FILES)


async def test_env_vars_count(tmp_path: Path) -> None:
    """Installers read many, and scripts of packages any."""
    key = await _key(tmp_path, FILES, env={"npm_config_omit": "dev"})

    assert key is not None
    assert key != await _key(tmp_path, FILES)


async def test_settings_above_an_application_count(tmp_path: Path) -> None:
    """Installers look upwards from where they are run."""
    files = {f"shop/{name}": content for name, content in FILES.items()}

    keys = {
        await _key(tmp_path, {**files, **more}, wanted=_plan(at="shop"))
        for more in ({}, {".npmrc": "omit=dev"}, {"package.json": '{"workspaces": ["*"]}'})
    }

    assert 3 == len(keys - {None})


@pytest.mark.parametrize(
    ("manager", "lock"), [(YARN, "yarn.lock"), (BUN, "bun.lock"), (BUN, "bun.lockb")]
)
async def test_other_package_managers_have_lock_files_of_their_own(
    tmp_path: Path, manager: Manager, lock: str
) -> None:
    """That of npm says nothing to them."""
    wanted = _plan(manager.install)

    assert await _key(tmp_path, {**_manifest(), lock: "x"}, wanted=wanted) is not None
    assert await _key(tmp_path, FILES, wanted=wanted) is None


@pytest.mark.parametrize(
    "files",
    [
        {**_manifest(), "main.js": ""},
        {"package-lock.json": LOCK},
        {**FILES, "package.json": "["},
        {**FILES, "package.json": "[]"},
        {**FILES, **_manifest(scripts={"postinstall": "node generate.js"})},
        {**FILES, **_manifest(scripts={"prepare": "husky"})},
        {**FILES, **_manifest(scripts={"dependencies": "patch-package"})},
        {**FILES, **_manifest(workspaces=["packages/*"])},
        {**FILES, **_manifest(dependencies={"tiny": "file:./tiny"})},
        {**FILES, **_manifest(dependencies={"tiny": "../tiny"})},
        {**FILES, **_manifest(dependencies="tiny")},
        {**FILES, "package-lock.json": '{"packages": {"tiny": {"link": true}}}'},
        {**FILES, "package-lock.json": '{"packages": {"tiny": {"resolved": "file:tiny"}}}'},
        {**FILES, "binding.gyp": "{}"},
        {**FILES, ".yarnrc": "yarn-path ./yarn.js"},
        {**FILES, "node_modules/tiny/package.json": "{}"},
    ],
)
async def test_where_something_else_may_have_a_say_nothing_is_kept(
    tmp_path: Path, files: dict[str, str]
) -> None:
    """No lock file, code of the application, packages that lie in its repository."""
    assert await _key(tmp_path, files) is None


@pytest.mark.parametrize(
    "wanted",
    [
        _plan(origin=Origin.FILE),
        _plan(origin=Origin.PROJECT),
        _plan(NPM.install_unlocked),
        _plan(f"cd .. && {NPM.install}"),
        plan(),
    ],
    ids=["the repository's", "the project's", "without lock file", "a workspace's", "none"],
)
async def test_a_command_that_is_not_ours_may_do_anything(
    tmp_path: Path, wanted: BuildPlan
) -> None:
    """What it leaves is not known from the lock file, even where it reads the same."""
    assert await _key(tmp_path, FILES, wanted=wanted) is None


async def test_a_link_is_not_read(tmp_path: Path) -> None:
    """An installer would follow it to a file that others may change."""
    release = await _release(tmp_path, FILES)
    await to_thread.run_sync((release.app / ".npmrc").symlink_to, "/etc/hostname")

    assert await to_thread.run_sync(key_of, _plan(), release, {}) is None


async def test_another_toolchain_counts(tmp_path: Path) -> None:
    """Another version of a program is another file."""
    one, other = tmp_path / "npm-1", tmp_path / "npm-2"
    for program in (one, other):
        await to_thread.run_sync(program.touch)
    keys = set()
    for program in (one, other, one):
        release = await _release(tmp_path, FILES)
        await to_thread.run_sync(release.link, {"npm": program})
        keys.add(await to_thread.run_sync(key_of, _plan(), release, {}))

    assert 2 == len(keys - {None})


async def _key(
    parent: Path,
    files: Mapping[str, str],
    *,
    wanted: BuildPlan | None = None,
    env: Mapping[str, str] | None = None,
) -> str | None:
    release = await _release(parent, files)
    return await to_thread.run_sync(key_of, wanted or _plan(), release, env or {})


async def _release(parent: Path, files: Mapping[str, str]) -> Release:
    """Return a release with *files*, before its build."""
    release = Release(parent / str(uuid4()))
    await to_thread.run_sync(_write, release.app, files)
    return release


def _write(directory: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(content)
