"""Node and package managers: of the host, fetched before, or fetched now, from real registries."""

import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

import httpx
import pytest
from anyio import create_task_group, fail_after, sleep, to_thread
from attrs import evolve, frozen
from tests.adapters.process.builders import builder_in

from pushpaka_core.adapters.process.builder import ProcessBuilder
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.adapters.process.runtime import ProcessRuntime
from pushpaka_core.adapters.process.toolchain_store import ToolchainStore
from pushpaka_core.adapters.process.toolchains import Toolchains
from pushpaka_core.adapters.process.version_ranges import VersionRange
from pushpaka_core.detection import MemoryTree, Wishes, detect
from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.errors import BuildError
from pushpaka_core.ports.builder import Artifact
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.settings import Settings
from pushpaka_core.testing.applications import NUMBER, Told, build, checkout, plan, step
from pushpaka_core.testing.objects import a_deployment, a_project, a_user, an_instance

pytestmark = pytest.mark.anyio

APPLICATION = """
console.log(process.version, process.execPath)
if (process.env.PORT) require("http").createServer((_, response) => {
    response.end(`${process.version} for ${process.env.NODE_ENV}`)
}).listen(process.env.PORT, process.env.HOST)
"""
FIRST_UID = 61_000
DAY = 24 * 3600


@pytest.fixture(scope="module")
def fetched() -> Iterator[Path]:
    """Return a directory whose toolchains the tests of this module share: they are large."""
    directory = Path(mkdtemp(prefix="pushpaka-toolchains-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@frozen
class Host:
    """Where programs of the host lie, which print the version that they are made with."""

    directory: Path

    def install(self, version: str) -> Path:
        """Put a Node of *version* there, in a directory of its own, and return that."""
        directory = self.directory / version
        directory.mkdir(parents=True)
        for name in ("node", "npm"):
            (directory / name).write_text(f"#!/bin/sh\necho v{version}\n")
            (directory / name).chmod(0o755)
        return directory

    def directories(self) -> list[Path]:
        """Return where to look."""
        return list(self.directory.glob("*"))


@pytest.fixture
def host(data: Path) -> Host:
    return Host(data / "host")


@pytest.fixture
def toolchains(processes: HostProcesses, data: Path, host: Host) -> Toolchains:
    """Return what has the made-up host and an empty directory, and no way to fetch anything."""
    return Toolchains.in_directory(
        data / "toolchains",
        processes,
        host_env={"UV_OFFLINE": "1", "npm_config_offline": "true"},
        host_directories=host.directories,
    )


@pytest.fixture
def first_uid() -> int | None:
    """Return what projects' user ids begin with, wherever they can have some."""
    return FIRST_UID if os.geteuid() == 0 else None


@pytest.fixture
def builder(
    processes: HostProcesses, data: Path, fetched: Path, first_uid: int | None
) -> ProcessBuilder:
    """Return a builder on a host that has no Node."""
    return builder_in(
        data,
        processes,
        first_uid,
        tools_directory=fetched / "tools",
        host_env=Settings().host_env,
        host_directories=list,
    )


async def test_a_host_without_node_runs_an_application_for_node(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path, fetched: Path
) -> None:
    """Node is fetched once for all who want it at once; what it built it runs as well."""
    told = Told()
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
        artifacts.append(await build(builder, source, wanted, told=told))

    async with create_task_group() as builds:
        for source in sources:
            builds.start_soon(build_in, source)
    answer = await _answer_of(runtime, wanted, artifacts[0])

    assert 1 == told.sentences.count("Fetching Node ^22: this host has none.")
    assert re.fullmatch(r"v22\.\d+\.\d+ for production", answer)
    version = answer.removesuffix(" for production")
    assert 2 == told.output.decode().count(f"{version} ")
    assert 2 == told.sentences.count(f"Node {version[1:]} is used.")
    assert {os.geteuid()} == await to_thread.run_sync(_who_can_write, fetched / "toolchains")


async def test_a_package_manager_is_what_its_hash_says(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    """The one that packageManager names is fetched and used, and another one never is."""
    told = Told()
    good = (
        "4.5.0+sha512.837566d24eec14ec0f5f1411adb544e892b3454255e61fdef8fd05f3429480102806bac7"
        "446bc9daff3896b01ae4b62d00096c7e989f1596f2af10b927532f39"
    )
    wanted = {"language": "node", "language_version": "^22", "package_manager": "yarn"}
    sources = [await checkout(tmp_path / name, {"main.js": ""}) for name in ("one", "two")]
    commands = (step("yarn --version"),)

    await build(
        builder, sources[0], plan(**wanted, package_manager_version=good, build=commands), told=told
    )
    with pytest.raises(BuildError, match=r"yarn 4\.5\.0 is not what packageManager in package\.js"):
        await build(builder, sources[1], plan(**wanted, package_manager_version="4.5.0+sha1.abc"))

    assert "yarn 4.5.0 is used." in told.sentences
    assert b"4.5.0\n" == told.output


async def test_what_frameworks_keep_is_there_at_the_next_build(
    builder: ProcessBuilder, tmp_path: Path, data: Path
) -> None:
    """It moves from build to build, also of a workspace and of a failed one; answers do not."""
    commands = (
        "mkdir -p .next/cache/fetch-cache; touch .next/cache/a .next/cache/fetch-cache/b; exit 1",
        "ls -A .next/cache; touch .next/cache/c; mkdir -p ../.turbo/cache; touch ../.turbo/cache/d",
        "ls -A .next/cache ../.turbo/cache",
    )
    told = Told()

    for number, command in enumerate(commands):
        source = await checkout(tmp_path / str(number), {"app/x": ""})
        wanted = plan(
            language="node", language_version="^22", directory="app", build=(step(command),)
        )
        with suppress(BuildError):
            await build(builder, source, wanted, told=told)

    assert b"a\n../.turbo/cache:\nd\n\n.next/cache:\na\nc\n" == told.output
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
async def test_what_was_installed_once_is_found_without_the_registry(
    builder: ProcessBuilder, tmp_path: Path, lock: str
) -> None:
    """The packages of each manager are kept for the next build of the project."""
    manifest = '{"name": "tiny", "dependencies": {"is-number": "7.0.0"}, "engines": {"node": "22"}}'
    files = {"package.json": manifest, lock: LOCKS[lock], "server.js": ""}
    wanted = evolve(
        detect(MemoryTree(files), Wishes()),
        build=(step("node -p \"require('is-number')(7) ? 'in' + 'stalled' : ''\""),),
    )
    first, second = [await checkout(tmp_path / name, files) for name in "ab"]
    told = Told()

    await build(builder, first, wanted)
    await build(builder, second, wanted, env=OUT_OF_REACH, told=told)

    assert b"installed\n" in told.output


async def test_a_version_that_nobody_has_published(builder: ProcessBuilder, tmp_path: Path) -> None:
    """What was asked for is told, with what the host has, and the newest that there is."""
    source = await checkout(tmp_path / "source", {"x": ""})

    with pytest.raises(
        BuildError,
        match=r"asks for Node 99, this host has none, and no .* published; the newest is \d+\.",
    ):
        await build(builder, source, plan(language="node", language_version="99"))


async def test_a_fitting_node_of_the_host_is_taken(toolchains: Toolchains, host: Host) -> None:
    """The newest one that fits is used where it lies, and nothing is fetched."""
    lies = {version: host.install(version) for version in ("20.1.0", "20.2.0", "22.0.0")}
    told = Told()

    programs = await toolchains.programs_of(
        plan(language="node", language_version="20", package_manager="npm"),
        for_others=False,
        report=told.report,
    )

    assert {name: lies["20.2.0"] / name for name in ("node", "npm")} == programs
    assert ["Node 20.2.0 of this host is used."] == told.sentences


async def test_a_node_that_is_closed_to_others_is_not_taken_for_them(
    toolchains: Toolchains, host: Host, data: Path
) -> None:
    """For a project with a user of its own another one is looked for, as if it were not there."""
    host.install("22.0.0").chmod(0o700)
    _put(data / "toolchains", "node-22.1.0")

    programs = await toolchains.programs_of(
        plan(language="node"), for_others=True, report=Told().report
    )

    assert {"node": data / "toolchains/node-22.1.0/bin/node"} == programs


async def test_a_toolchain_stays_as_long_as_a_release_needs_it(
    processes: HostProcesses, data: Path, tmp_path: Path
) -> None:
    """With the last release that was built by it goes one that nobody used for a day."""
    builder = builder_in(data, processes, None, host_directories=list)
    _put(data / "toolchains", "node-22.1.0")
    wanted = plan(language="node", language_version="22")
    first, second = [
        await build(builder, await checkout(tmp_path / name, {"x": ""}), wanted) for name in "ab"
    ]
    _age(data / "toolchains/node-22.1.0")

    await builder.remove(first.name)
    stayed = (data / "toolchains/node-22.1.0").exists()
    await builder.remove(second.name)

    assert stayed
    assert not (data / "toolchains/node-22.1.0").exists()


async def test_plans_for_other_languages_need_no_toolchain(toolchains: Toolchains) -> None:
    """Nothing is looked for, said or fetched."""
    told = Told()

    programs = await toolchains.programs_of(
        plan(language="python"), for_others=False, report=told.report
    )

    assert {} == programs
    assert [] == told.sentences


@pytest.mark.parametrize(
    "command", ["npm ci", "cd theme && npx tailwindcss", "CI=1 node build.js; true"]
)
async def test_a_plan_for_another_language_gets_the_node_that_it_calls(
    toolchains: Toolchains, host: Host, command: str
) -> None:
    """What Django or Flask serve is often built by Node, whose version nobody asks for."""
    place = host.install("22.0.0")

    programs = await toolchains.programs_of(
        plan(language="python", language_version="3.12", build=(step(command),)),
        for_others=False,
        report=Told().report,
    )

    assert {name: place / name for name in ("node", "npm")} == programs


def test_the_newest_fitting_toolchain_is_found(tmp_path: Path) -> None:
    """Numbers are compared as numbers, and what a killed fetch has left does not count."""
    for name in ("node-20.9.0", "node-20.10.0", "node-22.0.0", "pnpm-20.11.0", ".fetched-x"):
        _put(tmp_path, name)

    found = ToolchainStore(tmp_path).find("node", VersionRange.read("20"))

    assert found is not None
    assert (20, 10, 0) == found.version


def test_what_no_release_needs_is_removed_in_time(tmp_path: Path) -> None:
    """A day after its last use a toolchain goes, as does what a killed fetch has left."""
    for name in ("node-1.0.0", "node-2.0.0", "node-3.0.0", ".fetched-x"):
        _put(tmp_path, name)
        _age(tmp_path / name)
    store = ToolchainStore(tmp_path)
    store.find("node", VersionRange.read("3"))

    store.sweep({tmp_path / "node-2.0.0"})

    assert {"node-2.0.0", "node-3.0.0"} == {path.name for path in tmp_path.iterdir()}


async def _answer_of(runtime: ProcessRuntime, wanted: BuildPlan, artifact: Artifact) -> str:
    """Start what was built, and ask it as soon as it listens."""
    project = a_project(a_user(), number=NUMBER)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    instance = an_instance(a_deployment(project), port=port)
    await runtime.start(
        StartRequest(instance=instance, project=project, plan=wanted, artifact=artifact.name)
    )
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        with fail_after(15):
            while True:
                try:
                    return (await client.get("/")).text
                except httpx.ConnectError:
                    await sleep(0.02)


def _who_can_write(root: Path) -> set[int]:
    """Return the owners of all that lies below *root*, and -1 if others can write there."""
    stats = [path.stat() for path in root.rglob("*") if not path.is_symlink()]
    return {-1 if stat.st_mode & 0o022 else stat.st_uid for stat in stats}


def _put(root: Path, name: str) -> None:
    (root / name / "bin").mkdir(parents=True)
    (root / name / "bin/node").touch()


def _age(path: Path) -> None:
    """Let it look as if it was used last more than a day ago."""
    os.utime(path, (time.time() - DAY - 60,) * 2)
