"""Tests that later builds reuse archives of installed packages."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from anyio import create_task_group, to_thread
from attrs import evolve
from tests.adapters.process.builders import builder_in

from pushpaka_core.adapters.process.builder.builder import ProcessBuilder
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.domain.pipeline.build_plans import BuildStep, Origin
from pushpaka_core.ports.processes import OutputChunk
from pushpaka_core.testing.applications import (
    PROJECT_NUMBER,
    BuildRecorder,
    build,
    checkout,
    plan,
    step,
)

pytestmark = [pytest.mark.anyio, pytest.mark.suite("integration")]

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
"""A fake npm that installs one package with a file whose content differs each time."""
INSTALL = BuildStep(command="npm ci --include=dev", origin=Origin.DETECTED)
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
def npm(data: Path) -> Path:
    """Return a fake npm, next to a fake Node.js."""
    programs = data / "programs"
    programs.mkdir(mode=0o755)
    for name, script in {"npm": NPM, "node": "#!/bin/sh\necho v22.0.0\n"}.items():
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    return programs / "npm"


@pytest.fixture
def builder(
    process_manager: HostProcesses, data: Path, npm: Path, first_uid: int | None
) -> ProcessBuilder:
    return builder_in(data, process_manager, first_uid, host_node_directories=lambda: [npm.parent])


@pytest.fixture
def archives(data: Path, first_uid: int | None) -> "Archives":
    return Archives(data / "cache" / (str(first_uid + PROJECT_NUMBER) if first_uid else "shared"))


class Archives:
    """The archives of the project that most tests use."""

    def __init__(self, cache: Path) -> None:
        self.directory = cache / "installs" / str(PROJECT_NUMBER)

    def names(self) -> Sequence[str]:
        """Return the names of the archives."""
        found = self.directory.iterdir() if self.directory.exists() else ()
        return [path.name for path in found]


async def test_packages_of_an_unchanged_lock_file_are_installed_once(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    """The next build reuses the packages without running npm, and the log says so."""
    first, second = BuildRecorder(), BuildRecorder()
    await build(builder, await _source(tmp_path / "a"), PLAN, recorder=first)

    await build(
        builder, await _source(tmp_path / "b", main="console.log(2)"), PLAN, recorder=second
    )

    assert first.output == b"installing\n" + second.output
    reused = "Reusing the packages from the last `npm ci --include=dev`"
    assert f"{reused}: its inputs have not changed." in second.messages


async def test_packages_are_installed_again_after_a_change(
    builder: ProcessBuilder, tmp_path: Path, npm: Path
) -> None:
    """
    Another project or another npm requires a new installation.

    `test_install_inputs.py` tests all inputs.
    """
    await build(builder, await _source(tmp_path / "a"), PLAN)
    foreign, updated = BuildRecorder(), BuildRecorder()

    await build(
        builder,
        await _source(tmp_path / "b"),
        PLAN,
        recorder=foreign,
        project_number=PROJECT_NUMBER + 1,
    )
    await to_thread.run_sync(npm.write_text, f"{NPM}echo updated\n")
    await build(builder, await _source(tmp_path / "c"), PLAN, recorder=updated)

    assert foreign.output.startswith(b"installing\n")
    assert updated.output.startswith(b"installing\nupdated\n")


async def test_changes_to_installed_packages_do_not_affect_other_builds(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    """Changing an installed file in place does not change the archive."""
    first, second, third = BuildRecorder(), BuildRecorder(), BuildRecorder()
    spoil = step("echo spoiled >>node_modules/tiny/mark; touch node_modules/x")
    spoiling = evolve(PLAN, build=(*PLAN.build, spoil))
    listing = evolve(PLAN, build=(*PLAN.build, step("ls node_modules")))
    await build(builder, await _source(tmp_path / "a"), spoiling, recorder=first)

    await build(builder, await _source(tmp_path / "b"), spoiling, recorder=second)
    await build(builder, await _source(tmp_path / "c"), listing, recorder=third)

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
async def test_build_specific_packages_are_not_cached(
    builder: ProcessBuilder, tmp_path: Path, archives: Archives, env: dict[str, str]
) -> None:
    """Install scripts may read the application, and paths may belong to one release."""
    await build(
        builder, await _source(tmp_path / "a"), plan(language="node", install=INSTALL), env=env
    )

    assert [] == archives.names()


async def test_packages_with_known_scripts_are_cached(
    builder: ProcessBuilder, tmp_path: Path, archives: Archives
) -> None:
    """The install script of esbuild, for example, does not depend on the application."""
    env = {"PACKAGE": "vite/node_modules/esbuild", "SCRIPTS": '"postinstall": "node install.js"'}

    await build(
        builder, await _source(tmp_path / "a"), plan(language="node", install=INSTALL), env=env
    )

    assert 1 == len(archives.names())


async def test_canceled_installation_leaves_no_archive(
    builder: ProcessBuilder, tmp_path: Path, archives: Archives
) -> None:
    async with create_task_group() as group:

        class CancelingRecorder(BuildRecorder):
            async def on_output(self, chunk: OutputChunk) -> None:
                if b"hanging" in chunk.data:
                    group.cancel_scope.cancel()

        source = await _source(tmp_path / "a")
        await build(builder, source, PLAN, env={"HANGS": "1"}, recorder=CancelingRecorder())

    assert [] == archives.names()


async def test_a_damaged_archive_is_replaced(
    builder: ProcessBuilder, tmp_path: Path, archives: Archives
) -> None:
    """The packages are installed again, and the next build uses the new archive."""
    first, second, third = BuildRecorder(), BuildRecorder(), BuildRecorder()
    await build(builder, await _source(tmp_path / "a"), PLAN, recorder=first)
    (name,) = archives.names()
    await to_thread.run_sync(os.truncate, archives.directory / name, 1000)

    await build(builder, await _source(tmp_path / "b"), PLAN, recorder=second)
    await build(builder, await _source(tmp_path / "c"), PLAN, recorder=third)

    assert second.output.startswith(b"installing\n")
    assert second.output == b"installing\n" + third.output


async def test_three_archives_are_kept_until_the_project_is_deleted(
    builder: ProcessBuilder, tmp_path: Path, archives: Archives
) -> None:
    """The three archives that were used last are kept."""
    for number in (1, 2, 3, 1, 4):
        source = await _source(tmp_path / "source")
        await build(builder, source, PLAN, env={"NUMBER": str(number)})
    kept, recorder = archives.names(), BuildRecorder()
    await build(
        builder, await _source(tmp_path / "a"), PLAN, env={"NUMBER": "1"}, recorder=recorder
    )

    await builder.remove_cache(PROJECT_NUMBER)

    assert 3 == len(kept)
    assert not recorder.output.startswith(b"installing\n")
    assert [] == archives.names()


async def _source(directory: Path, main: str = "") -> Path:
    return await checkout(directory, {**FILES, "main.js": main})
