"""Tests Node.js and package managers, from the host or downloaded from real registries."""

import json
import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

import httpx
import pytest
from anyio import create_task_group, fail_after, sleep, to_thread
from attrs import evolve, frozen
from tests.adapters.process.builders import builder_in

from pushpaka_core.adapters.process.builder.builder import ProcessBuilder
from pushpaka_core.adapters.process.runtime import ProcessRuntime
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.adapters.process.toolchains.toolchain_store import ToolchainStore
from pushpaka_core.adapters.process.toolchains.toolchains import Toolchains
from pushpaka_core.adapters.process.toolchains.version_ranges import VersionRange
from pushpaka_core.detection import BuildOverrides, MemoryTree, detect
from pushpaka_core.domain.pipeline.build_plans import BuildPlan
from pushpaka_core.errors import BuildError
from pushpaka_core.ports.builder import Artifact
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.settings.settings import Settings
from pushpaka_core.testing.applications import (
    PROJECT_NUMBER,
    BuildRecorder,
    build,
    checkout,
    plan,
    step,
)
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, an_instance
from pushpaka_core.testing.objects.projects import a_project

pytestmark = [pytest.mark.anyio, pytest.mark.suite("integration")]

APPLICATION = """
console.log(process.version, process.execPath)
if (process.env.PORT) require("http").createServer((_, response) => {
    response.end(`${process.version} for ${process.env.NODE_ENV}`)
}).listen(process.env.PORT, process.env.HOST)
"""
DAY = 24 * 3600


@pytest.fixture(scope="module")
def toolchains_directory() -> Iterator[Path]:
    """Return a directory of downloaded toolchains that the tests of this module share."""
    directory = Path(mkdtemp(prefix="pushpaka-toolchains-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@frozen
class Host:
    """A simulated host with programs that print their versions."""

    directory: Path

    def install(self, version: str) -> Path:
        """Install Node.js *version*, and return its directory."""
        directory = self.directory / version
        directory.mkdir(parents=True)
        for name in ("node", "npm"):
            (directory / name).write_text(f"#!/bin/sh\necho v{version}\n")
            (directory / name).chmod(0o755)
        return directory

    def directories(self) -> list[Path]:
        """Return the directories of all installed versions."""
        return list(self.directory.glob("*"))


@pytest.fixture
def host(data: Path) -> Host:
    return Host(data / "host")


@pytest.fixture
def toolchains(process_manager: HostProcesses, data: Path, host: Host) -> Toolchains:
    """Return the toolchains of the simulated host, without a network."""
    return Toolchains.in_directory(
        data / "toolchains",
        process_manager,
        host_env={"UV_OFFLINE": "1", "npm_config_offline": "true"},
        host_directories=host.directories,
    )


@pytest.fixture
def builder(
    process_manager: HostProcesses, data: Path, toolchains_directory: Path, first_uid: int | None
) -> ProcessBuilder:
    """Return a builder on a host without Node.js."""
    return builder_in(
        data,
        process_manager,
        first_uid,
        tools_directory=toolchains_directory / "tools",
        host_env=Settings().host_env,
        host_node_directories=list,
    )


async def test_a_host_without_node_runs_a_node_application(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path, toolchains_directory: Path
) -> None:
    """Concurrent builds share one download, and the instance uses the same download."""
    build_recorder = BuildRecorder()
    wanted = plan(
        language="node",
        language_version="^22",
        package_manager="npm",
        build=(step("npm --version && node main.js"),),
        processes={"web": step("node main.js")},
    )
    sources = [await checkout(tmp_path / name, {"main.js": APPLICATION}) for name in ("a", "b")]
    artifacts: list[Artifact] = []

    async def build_in(source: Path) -> None:
        artifacts.append(await build(builder, source, wanted, recorder=build_recorder))

    async with create_task_group() as builds:
        for source in sources:
            builds.start_soon(build_in, source)
    answer = await _answer_of(runtime, wanted, artifacts[0])

    assert 1 == build_recorder.messages.count("Downloading Node ^22: this host has none.")
    assert re.fullmatch(r"v22\.\d+\.\d+ for production", answer)
    version = answer.removesuffix(" for production")
    assert 2 == build_recorder.output.decode().count(f"{version} ")
    assert 2 == build_recorder.messages.count(f"Using Node {version[1:]}.")
    assert {os.geteuid()} == await to_thread.run_sync(_owners, toolchains_directory / "toolchains")


async def test_package_manager_matches_its_hash(builder: ProcessBuilder, tmp_path: Path) -> None:
    """If the package manager does not match the hash in package.json, the build fails."""
    build_recorder = BuildRecorder()
    good = (
        "4.5.0+sha512.837566d24eec14ec0f5f1411adb544e892b3454255e61fdef8fd05f3429480102806bac7"
        "446bc9daff3896b01ae4b62d00096c7e989f1596f2af10b927532f39"
    )
    wanted = {"language": "node", "language_version": "^22", "package_manager": "yarn"}
    sources = [await checkout(tmp_path / name, {"main.js": ""}) for name in ("one", "two")]
    commands = (step("yarn --version"),)

    await build(
        builder,
        sources[0],
        plan(**wanted, package_manager_version=good, build=commands),
        recorder=build_recorder,
    )
    with pytest.raises(BuildError, match=r"yarn 4\.5\.0 does not match the hash in"):
        await build(builder, sources[1], plan(**wanted, package_manager_version="4.5.0+sha1.abc"))

    assert "Using yarn 4.5.0." in build_recorder.messages
    assert b"4.5.0\n" == build_recorder.output


async def test_bun_is_available_next_to_another_package_manager(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    scripts = {"build": "npm run pages", "pages": "bun --version && bun run pages.ts"}
    manifest = {"scripts": {**scripts, "start": "node ."}, "engines": {"node": "^22"}}
    files = {"package.json": json.dumps(manifest), "pages.ts": "console.log(typeof Bun as string)"}
    wanted = detect(MemoryTree(files), BuildOverrides())
    build_recorder = BuildRecorder()

    await build(builder, await checkout(tmp_path / "app", files), wanted, recorder=build_recorder)

    assert ("npm", ("bun",)) == (wanted.package_manager, wanted.called_managers)
    assert any(re.fullmatch(r"Using bun 1\.\S+\.", message) for message in build_recorder.messages)
    assert b"object\n" in build_recorder.output


async def test_framework_caches_survive_builds(
    builder: ProcessBuilder, tmp_path: Path, data: Path
) -> None:
    """Even a failed build stores its framework's cache. Cached HTTP responses are not stored."""
    commands = (
        "mkdir -p .next/cache/fetch-cache; touch .next/cache/a .next/cache/fetch-cache/b; exit 1",
        "ls -A .next/cache; touch .next/cache/c; mkdir -p ../.turbo/cache; touch ../.turbo/cache/d",
        "ls -A .next/cache ../.turbo/cache",
    )
    build_recorder = BuildRecorder()

    for number, command in enumerate(commands):
        source = await checkout(tmp_path / str(number), {"app/x": ""})
        wanted = plan(
            language="node", language_version="^22", directory="app", build=(step(command),)
        )
        with suppress(BuildError):
            await build(builder, source, wanted, recorder=build_recorder)

    assert b"a\n../.turbo/cache:\nd\n\n.next/cache:\na\nc\n" == build_recorder.output
    releases = await to_thread.run_sync(lambda: list((data / "releases").glob("*/app/app/.next")))
    assert [[], []] == [list(release.iterdir()) for release in releases]


INTEGRITY = (
    "sha512-41Cifkg6e8TylSpdtTpeLVMqvSBEVzTttHvERD741+pnZ8ANv0004MRL43QKPDlK9cGvNp6NZWZUBlbGXYx"
    "xng=="
)
LOCKS = {
    "package-lock.json": f"""{{
        "name": "tiny",
        "lockfileVersion": 3,
        "packages": {{
            "": {{"name": "tiny", "dependencies": {{"is-number": "7.0.0"}}}},
            "node_modules/is-number": {{
                "version": "7.0.0",
                "resolved": "https://registry.npmjs.org/is-number/-/is-number-7.0.0.tgz",
                "integrity": "{INTEGRITY}"
            }}
        }}
    }}""",
    "pnpm-lock.yaml": f"""
lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      is-number:
        specifier: 7.0.0
        version: 7.0.0
packages:
  is-number@7.0.0:
    resolution: {{integrity: {INTEGRITY}}}
snapshots:
  is-number@7.0.0: {{}}
""",
    "yarn.lock": f"""# yarn lockfile v1


is-number@7.0.0:
  version "7.0.0"
  resolved "https://registry.yarnpkg.com/is-number/-/is-number-7.0.0.tgz"
  integrity {INTEGRITY}
""",
    "bun.lock": f"""{{
        "lockfileVersion": 1,
        "workspaces": {{"": {{"name": "tiny", "dependencies": {{"is-number": "7.0.0"}}}}}},
        "packages": {{"is-number": ["is-number@7.0.0", "", {{}}, "{INTEGRITY}"]}}
    }}""",
}
NOWHERE = "http://127.0.0.1:9"
OUT_OF_REACH = {
    name: NOWHERE
    for upper in ("HTTP_PROXY", "HTTPS_PROXY", "npm_config_proxy", "npm_config_https_proxy")
    for name in (upper, upper.lower())
} | {"NO_PROXY": "", "no_proxy": "", "npm_config_noproxy": "", "npm_config_fetch_retries": "0"}


@pytest.mark.parametrize("lock", LOCKS)
async def test_installed_packages_need_no_registry(
    builder: ProcessBuilder, tmp_path: Path, lock: str
) -> None:
    """Each package manager has a cache for the project, so the second build works offline."""
    manifest = '{"name": "tiny", "dependencies": {"is-number": "7.0.0"}, "engines": {"node": "22"}}'
    files = {"package.json": manifest, lock: LOCKS[lock], "server.js": ""}
    wanted = evolve(
        detect(MemoryTree(files), BuildOverrides()),
        build=(step("node -p \"require('is-number')(7) ? 'in' + 'stalled' : ''\""),),
    )
    first, second = [await checkout(tmp_path / name, files) for name in "ab"]
    build_recorder = BuildRecorder()

    await build(builder, first, wanted)
    await build(builder, second, wanted, env=OUT_OF_REACH, recorder=build_recorder)

    assert b"installed\n" in build_recorder.output


async def test_unpublished_version_is_rejected(builder: ProcessBuilder, tmp_path: Path) -> None:
    """The message lists the versions on the host and the newest published version."""
    source = await checkout(tmp_path / "source", {"x": ""})

    with pytest.raises(
        BuildError,
        match=r"requires Node 99, but this host has none, and no .* The newest release is \d+\.",
    ):
        await build(builder, source, plan(language="node", language_version="99"))


async def test_matching_node_of_the_host_is_used(toolchains: Toolchains, host: Host) -> None:
    """The newest matching version is used, without a download."""
    lies = {version: host.install(version) for version in ("20.1.0", "20.2.0", "22.0.0")}
    build_recorder = BuildRecorder()

    programs = await toolchains.node_programs_of(
        plan(language="node", language_version="20", package_manager="npm"),
        for_other_users=False,
        report=build_recorder.report,
    )

    assert {name: lies["20.2.0"] / name for name in ("node", "npm")} == programs
    assert ["Using Node 20.2.0 from this host."] == build_recorder.messages


async def test_private_node_is_not_used_for_other_users(
    toolchains: Toolchains, host: Host, data: Path
) -> None:
    """A project with its own user could not run a Node.js installation in a private directory."""
    host.install("22.0.0").chmod(0o700)
    _install_node(data / "toolchains", "node-22.1.0")

    programs = await toolchains.node_programs_of(
        plan(language="node"), for_other_users=True, report=BuildRecorder().report
    )

    assert {"node": data / "toolchains/node-22.1.0/bin/node"} == programs


async def test_a_toolchain_stays_as_long_as_a_release_needs_it(
    process_manager: HostProcesses, data: Path, tmp_path: Path
) -> None:
    """Once no release needs a toolchain, it is removed a day after its last use."""
    builder = builder_in(data, process_manager, None, host_node_directories=list)
    _install_node(data / "toolchains", "node-22.1.0")
    wanted = plan(language="node", language_version="22")
    first, second = [
        await build(builder, await checkout(tmp_path / name, {"x": ""}), wanted) for name in "ab"
    ]
    _backdate(data / "toolchains/node-22.1.0")

    await builder.remove(first.name)
    stayed = (data / "toolchains/node-22.1.0").exists()
    await builder.remove(second.name)

    assert stayed
    assert not (data / "toolchains/node-22.1.0").exists()


async def test_plans_for_other_languages_need_no_toolchain(toolchains: Toolchains) -> None:
    build_recorder = BuildRecorder()

    programs = await toolchains.node_programs_of(
        plan(language="python"), for_other_users=False, report=build_recorder.report
    )

    assert {} == programs
    assert [] == build_recorder.messages


@pytest.mark.parametrize(
    "command", ["npm ci", "cd theme && npx tailwindcss", "CI=1 node build.js; true"]
)
async def test_a_plan_for_another_language_gets_the_node_for_its_commands(
    toolchains: Toolchains, host: Host, command: str
) -> None:
    """The assets of Django and Flask applications are often built with Node.js."""
    place = host.install("22.0.0")

    programs = await toolchains.node_programs_of(
        plan(language="python", language_version="3.12", build=(step(command),)),
        for_other_users=False,
        report=BuildRecorder().report,
    )

    assert {name: place / name for name in ("node", "npm")} == programs


def test_the_newest_matching_toolchain_is_found(tmp_path: Path) -> None:
    """Files of interrupted downloads are ignored."""
    for name in ("node-20.9.0", "node-20.10.0", "node-22.0.0", "pnpm-20.11.0", ".fetched-x"):
        _install_node(tmp_path, name)

    found = ToolchainStore(tmp_path).find("node", VersionRange.parse("20"))

    assert found is not None
    assert (20, 10, 0) == found.version


def test_unused_toolchains_are_removed(tmp_path: Path) -> None:
    """Toolchains are removed a day after their last use, along with files of failed downloads."""
    for name in ("node-1.0.0", "node-2.0.0", "node-3.0.0", ".fetched-x", ".temp"):
        _install_node(tmp_path, name)
        _backdate(tmp_path / name)
    store = ToolchainStore(tmp_path)
    store.find("node", VersionRange.parse("3"))

    store.remove_unused({tmp_path / "node-2.0.0"})

    assert {"node-2.0.0", "node-3.0.0"} == {path.name for path in tmp_path.iterdir()}


async def _answer_of(runtime: ProcessRuntime, plan: BuildPlan, artifact: Artifact) -> str:
    """Start the artifact, and return its first response."""
    project = a_project(a_user(), number=PROJECT_NUMBER)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    instance = an_instance(a_deployment(project), port=port)
    await runtime.start(
        StartRequest(instance=instance, project=project, plan=plan, artifact=artifact.name)
    )
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        with fail_after(60):
            while True:
                try:
                    return (await client.get("/")).text
                except httpx.ConnectError:
                    await sleep(0.02)


def _owners(root: Path) -> set[int]:
    """Return the owners of all files in *root*, and -1 if other users can write to a file."""
    stats = [path.stat() for path in root.rglob("*") if not path.is_symlink()]
    return {-1 if stat.st_mode & 0o022 else stat.st_uid for stat in stats}


def _install_node(root: Path, name: str) -> None:
    (root / name / "bin").mkdir(parents=True)
    (root / name / "bin/node").touch()


def _backdate(path: Path) -> None:
    """Make *path* look unused for more than a day."""
    os.utime(path, (path.stat().st_mtime - DAY - 60,) * 2)
