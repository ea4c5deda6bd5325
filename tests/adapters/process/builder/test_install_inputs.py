"""Tests which inputs determine whether two installations have the same packages."""

import json
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest
from anyio import to_thread

from pushpaka_core.adapters.process.builder.install_inputs import install_key
from pushpaka_core.adapters.process.releases import Release
from pushpaka_core.detection.node.managers import BUN, NPM, YARN, PackageManager
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, BuildStep, Origin
from pushpaka_core.testing.applications import plan

pytestmark = pytest.mark.anyio

LOCK = '{"packages": {"node_modules/tiny": {"version": "1.0.0"}}}'


def _build_plan(
    command: str = NPM.install, origin: Origin = Origin.DETECTED, directory: str = ""
) -> BuildPlan:
    install = BuildStep(command=command, origin=origin)
    return plan(language="node", directory=directory, install=install)


def _manifest(**fields: object) -> dict[str, str]:
    return {"package.json": json.dumps({"dependencies": {"tiny": "1"}, **fields})}


FILES = {**_manifest(), "package-lock.json": LOCK, "main.js": "1"}


async def test_source_code_does_not_affect_the_key(tmp_path: Path) -> None:
    key = await _install_key(tmp_path, FILES)

    assert key is not None
    assert key == await _install_key(tmp_path, {**FILES, "main.js": "2", "README.md": ""})


@pytest.mark.parametrize(
    "changed_files",
    [
        {"package-lock.json": LOCK.replace("1.0.0", "1.0.1")},
        {"npm-shrinkwrap.json": LOCK},
        _manifest(overrides={"tiny": "1.0.1"}),
        {".npmrc": "omit=optional"},
        {".npmrc": ""},
    ],
    ids=["lock file", "another lock file", "manifest", "settings", "empty settings"],
)
async def test_files_that_installers_read_affect_the_key(
    tmp_path: Path, changed_files: dict[str, str]
) -> None:
    key = await _install_key(tmp_path, {**FILES, **changed_files})

    assert key is not None
    assert key != await _install_key(tmp_path, FILES)


async def test_env_vars_affect_the_key(tmp_path: Path) -> None:
    key = await _install_key(tmp_path, FILES, env={"npm_config_omit": "dev"})

    assert key is not None
    assert key != await _install_key(tmp_path, FILES)


async def test_settings_in_parent_directories_affect_the_key(tmp_path: Path) -> None:
    """Installers also read settings in parent directories."""
    files = {f"shop/{name}": content for name, content in FILES.items()}

    keys = {
        await _install_key(tmp_path, {**files, **more}, build_plan=_build_plan(directory="shop"))
        for more in ({}, {".npmrc": "omit=dev"}, {"package.json": '{"workspaces": ["*"]}'})
    }

    assert 3 == len(keys - {None})


@pytest.mark.parametrize(
    ("manager", "lock_file"), [(YARN, "yarn.lock"), (BUN, "bun.lock"), (BUN, "bun.lockb")]
)
async def test_each_package_manager_needs_its_own_lock_file(
    tmp_path: Path, manager: PackageManager, lock_file: str
) -> None:
    wanted = _build_plan(manager.install)

    assert (
        await _install_key(tmp_path, {**_manifest(), lock_file: "x"}, build_plan=wanted) is not None
    )
    assert await _install_key(tmp_path, FILES, build_plan=wanted) is None


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
async def test_unknown_inputs_prevent_an_archive(tmp_path: Path, files: dict[str, str]) -> None:
    """Without a lock file, or with scripts or local packages, the installed files can differ."""
    assert await _install_key(tmp_path, files) is None


@pytest.mark.parametrize(
    "build_plan",
    [
        _build_plan(origin=Origin.FILE),
        _build_plan(origin=Origin.PROJECT),
        _build_plan(NPM.install_unlocked),
        _build_plan(f"cd .. && {NPM.install}"),
        plan(),
    ],
    ids=["the repository's", "the project's", "without lock file", "a workspace's", "none"],
)
async def test_other_install_commands_have_no_archive(
    tmp_path: Path, build_plan: BuildPlan
) -> None:
    assert await _install_key(tmp_path, FILES, build_plan=build_plan) is None


async def test_symbolic_links_are_not_read(tmp_path: Path) -> None:
    """There is no key for an archive of the packages, because the link's target may change."""
    release = await _release(tmp_path, FILES)
    await to_thread.run_sync((release.app / ".npmrc").symlink_to, "/etc/hostname")

    assert await to_thread.run_sync(install_key, _build_plan(), release, {}) is None


async def test_toolchain_affects_the_key(tmp_path: Path) -> None:
    one, other = tmp_path / "npm-1", tmp_path / "npm-2"
    for program in (one, other):
        await to_thread.run_sync(program.touch)
    keys = set()
    for program in (one, other, one):
        release = await _release(tmp_path, FILES)
        await to_thread.run_sync(release.link_programs, {"npm": program})
        keys.add(await to_thread.run_sync(install_key, _build_plan(), release, {}))

    assert 2 == len(keys - {None})


async def _install_key(
    parent: Path,
    files: Mapping[str, str],
    *,
    build_plan: BuildPlan | None = None,
    env: Mapping[str, str] | None = None,
) -> str | None:
    release = await _release(parent, files)
    return await to_thread.run_sync(install_key, build_plan or _build_plan(), release, env or {})


async def _release(parent: Path, files: Mapping[str, str]) -> Release:
    """Return a release with *files* that is not built yet."""
    release = Release(parent / str(uuid4()))
    await to_thread.run_sync(_write, release.app, files)
    return release


def _write(directory: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(content)
