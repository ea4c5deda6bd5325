"""When packages are installed anew, and when those of an earlier build are taken."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from anyio import create_task_group, to_thread
from tests.adapters.process.builders import builder_in
from tests.adapters.process.conftest import FIRST_UID

from pushpaka_core.adapters.process.builder import ProcessBuilder
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.domain.build_plans import Origin, Step
from pushpaka_core.ports.processes import OutputChunk
from pushpaka_core.testing.applications import NUMBER, Told, build, checkout, plan, step

pytestmark = pytest.mark.anyio

NPM = """\
#!/bin/sh
echo installing
place=node_modules/${PACKAGE:-tiny}
mkdir -p "$place"
date +%s%N >"$place/mark"
echo "{\\"name\\": \\"tiny\\", \\"scripts\\": {${SCRIPTS:-}}}" >"$place/package.json"
[ -z "${NOTES_PLACE:-}" ] || pwd >"$place/place"
[ -z "${HANGS:-}" ] || { echo hanging; sleep 60; }
"""
"""It installs one package, with something in it that is new each time."""
INSTALL = Step(command="npm ci --include=dev", origin=Origin.DETECTED)
FILES = {
    "package.json": '{"name": "shop", "dependencies": {"tiny": "1"}}',
    "package-lock.json": '{"packages": {"node_modules/tiny": {"version": "1.0.0"}}}',
}
PLAN = plan(
    language="node",
    package_manager="npm",
    install=INSTALL,
    build=(step("cat node_modules/*/mark"),),
)


@pytest.fixture
def first_uid() -> int | None:
    """Return what projects' user ids begin with, wherever they can have some."""
    return FIRST_UID if os.geteuid() == 0 else None


@pytest.fixture
def npm(data: Path) -> Path:
    """Return the npm of the host, beside its Node."""
    programs = data / "programs"
    programs.mkdir(mode=0o755)
    for name, script in {"npm": NPM, "node": "#!/bin/sh\necho v22.0.0\n"}.items():
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    return programs / "npm"


@pytest.fixture
def builder(
    processes: HostProcesses, data: Path, npm: Path, first_uid: int | None
) -> ProcessBuilder:
    return builder_in(data, processes, first_uid, host_directories=lambda: [npm.parent])


@pytest.fixture
def archives(data: Path, first_uid: int | None) -> "Archives":
    return Archives(data / "cache" / (str(first_uid + NUMBER) if first_uid else "shared"))


class Archives:
    """What is kept for the project of most tests."""

    def __init__(self, cache: Path) -> None:
        self.directory = cache / "installs" / str(NUMBER)

    def names(self) -> Sequence[str]:
        """Return the names of all that lies there."""
        found = self.directory.iterdir() if self.directory.exists() else ()
        return [path.name for path in found]


async def test_what_an_unchanged_lock_file_says_is_installed_once(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    """The next build has the very same packages without a call of npm, and says why."""
    first, second = Told(), Told()
    await build(builder, await _source(tmp_path / "a"), PLAN, told=first)

    await build(builder, await _source(tmp_path / "b", main="console.log(2)"), PLAN, told=second)

    assert first.output == b"installing\n" + second.output
    used = "The packages of the last `npm ci --include=dev` are used"
    assert f"{used}: nothing that decides on them has changed." in second.sentences


async def test_what_a_changed_lock_file_says_is_installed(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    """Another version of a package is another installation."""
    told = Told()
    await build(builder, await _source(tmp_path / "a"), PLAN)
    changed = FILES["package-lock.json"].replace("1.0.0", "1.0.1")
    files = {**FILES, "package-lock.json": changed}

    await build(builder, await checkout(tmp_path / "b", files), PLAN, told=told)

    assert told.output.startswith(b"installing\n")


async def test_another_npm_installs_anew(
    builder: ProcessBuilder, tmp_path: Path, npm: Path
) -> None:
    """What the host has updated may install something else."""
    told = Told()
    await build(builder, await _source(tmp_path / "a"), PLAN)
    await to_thread.run_sync(npm.write_text, f"{NPM}echo updated\n")

    await build(builder, await _source(tmp_path / "b"), PLAN, told=told)

    assert told.output.startswith(b"installing\nupdated\n")


async def test_no_project_gets_what_another_has_installed(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    """The same files of another project are installed by itself."""
    told = Told()
    await build(builder, await _source(tmp_path / "a"), PLAN)

    await build(builder, await _source(tmp_path / "b"), PLAN, told=told, number=NUMBER + 1)

    assert told.output.startswith(b"installing\n")


async def test_what_a_build_does_to_its_packages_is_its_own(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    """A build that writes into its packages, in place too, spoils none of the next."""
    first, second, third = Told(), Told(), Told()
    spoiling = plan(
        language="node",
        package_manager="npm",
        install=INSTALL,
        build=(*PLAN.build, step("echo spoiled >>node_modules/tiny/mark; touch node_modules/x")),
    )
    listing = plan(
        language="node",
        package_manager="npm",
        install=INSTALL,
        build=(*PLAN.build, step("ls node_modules")),
    )
    await build(builder, await _source(tmp_path / "a"), spoiling, told=first)

    await build(builder, await _source(tmp_path / "b"), spoiling, told=second)
    await build(builder, await _source(tmp_path / "c"), listing, told=third)

    assert first.output == b"installing\n" + second.output
    assert second.output + b"tiny\n" == third.output


@pytest.mark.parametrize(
    "env",
    [
        {"SCRIPTS": '"postinstall": "node generate.js"'},
        {"PACKAGE": "esbuild/node_modules/inner", "SCRIPTS": '"install":"make"'},
        {"NOTES_PLACE": "1"},
    ],
    ids=["a script", "a script further in", "its place"],
)
async def test_packages_that_may_be_right_for_one_build_alone_are_not_kept(
    builder: ProcessBuilder, tmp_path: Path, archives: Archives, env: dict[str, str]
) -> None:
    """A script may have read the application, and a path leads to one release."""
    await build(
        builder, await _source(tmp_path / "a"), plan(language="node", install=INSTALL), env=env
    )

    assert [] == archives.names()


async def test_packages_whose_scripts_are_known_are_kept(
    builder: ProcessBuilder, tmp_path: Path, archives: Archives
) -> None:
    """Many applications have esbuild, whose script looks at nothing but its own program."""
    env = {"PACKAGE": "vite/node_modules/esbuild", "SCRIPTS": '"postinstall": "node install.js"'}

    await build(
        builder, await _source(tmp_path / "a"), plan(language="node", install=INSTALL), env=env
    )

    assert 1 == len(archives.names())


async def test_a_killed_installation_leaves_nothing(
    builder: ProcessBuilder, tmp_path: Path, archives: Archives
) -> None:
    """What was installed halfway is not there for the next build."""
    async with create_task_group() as group:

        class Cancelling(Told):
            async def on_output(self, chunk: OutputChunk) -> None:
                if b"hanging" in chunk.data:
                    group.cancel_scope.cancel()

        source = await _source(tmp_path / "a")
        await build(builder, source, PLAN, env={"HANGS": "1"}, told=Cancelling())

    assert [] == archives.names()


async def test_a_damaged_archive_is_replaced(
    builder: ProcessBuilder, tmp_path: Path, archives: Archives
) -> None:
    """What a disk has lost is installed anew, and kept again."""
    first, second, third = Told(), Told(), Told()
    await build(builder, await _source(tmp_path / "a"), PLAN, told=first)
    (name,) = archives.names()
    await to_thread.run_sync(os.truncate, archives.directory / name, 1000)

    await build(builder, await _source(tmp_path / "b"), PLAN, told=second)
    await build(builder, await _source(tmp_path / "c"), PLAN, told=third)

    assert second.output.startswith(b"installing\n")
    assert second.output == b"installing\n" + third.output


async def test_few_are_kept_and_go_with_their_project(
    builder: ProcessBuilder, tmp_path: Path, archives: Archives
) -> None:
    """The three that were used last stay, until the project is deleted."""
    for number in (1, 2, 3, 1, 4):
        source = await _source(tmp_path / "source")
        await build(builder, source, PLAN, env={"NUMBER": str(number)})
    kept, told = archives.names(), Told()
    await build(builder, await _source(tmp_path / "a"), PLAN, env={"NUMBER": "1"}, told=told)

    await builder.forget(NUMBER)

    assert 3 == len(kept)
    assert not told.output.startswith(b"installing\n")
    assert [] == archives.names()


async def _source(directory: Path, main: str = "") -> Path:
    return await checkout(directory, {**FILES, "main.js": main})
