"""Unusual files of a build are read and removed safely."""

from datetime import timedelta
from pathlib import Path

import pytest
from anyio import to_thread

from pushpaka_core.adapters.process.builder.builder import ProcessBuilder
from pushpaka_core.domain.pipeline.build_plans import StaticSite
from pushpaka_core.errors import BuildError
from pushpaka_core.testing.applications import build, checkout, plan, step

pytestmark = [pytest.mark.anyio, pytest.mark.suite("integration")]

_INFO = "$VIRTUAL_ENV/lib/python3.11/site-packages/x.dist-info"
_SITE = StaticSite(directory=".")
_NEST = 'python -c \'import os\nfor _ in range(3000): os.mkdir("d"); os.chdir("d")\n\' || exit 1'


@pytest.mark.parametrize(
    "command",
    [
        "mkfifo pipe",
        f"mkdir -p {_INFO}; mkfifo {_INFO}/RECORD",
        f"mkdir -p {_INFO}; ln -s /dev/zero {_INFO}/RECORD",
        f"mkdir -p {_INFO}/RECORD",
        f"mkdir -p {_INFO}; printf '\\377' > {_INFO}/RECORD",
        "mkdir -p closed/inner; touch closed/inner/file secret; chmod 0 closed secret",
        "mkdir -p bits; touch bits/file; chmod 7777 bits bits/file",
        "touch \"$(printf 'two\\nlines')\" \"$(printf 'no\\377text')\" ./-rf '*'",
        "ln -s away away; ln -s / root; ln -s /proc/self/environ environ",
    ],
    ids=[
        *("pipe", "record-pipe", "record-device", "record-directory", "record-no-text"),
        *("closed", "bits", "names", "links"),
    ],
)
async def test_special_files_of_a_build_are_removed(
    builder: ProcessBuilder, tmp_path: Path, data_directory: Path, command: str
) -> None:
    """A release can be removed whatever pipes, links, names and modes its build created."""
    source = await checkout(tmp_path / "source", {"x": ""})
    wanted = plan(language="python", build=(step(command),))

    artifact = await build(builder, source, wanted)
    await builder.remove(artifact.name)

    assert [] == await to_thread.run_sync(lambda: list((data_directory / "releases").iterdir()))


async def test_deeply_nested_directories_are_refused_and_removed(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    source = await checkout(tmp_path / "source", {"x": ""})
    wanted = plan(language="python", build=(step(_NEST),))

    with pytest.raises(BuildError, match="nested more than 200 levels deep, for example d/d/"):
        await build(builder, source, wanted)

    assert {} == await builder.artifacts()


async def test_an_enormous_file_is_refused(builder: ProcessBuilder, tmp_path: Path) -> None:
    source = await checkout(tmp_path / "source", {"x": ""})

    with pytest.raises(BuildError, match="`truncate -s 1T big` exited with code"):
        await build(builder, source, plan(build=(step("truncate -s 1T big"),)))


async def test_reading_the_files_of_a_build_counts_as_build_time(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    source = await checkout(tmp_path / "source", {"x": ""})
    files = " ".join(map(str, range(100)))
    wanted = plan(build=(step(f"truncate -s 7G {files}"),))

    with pytest.raises(BuildError, match="took longer than"):
        await build(builder, source, wanted, timeout=timedelta(seconds=1))

    assert {} == await builder.artifacts()


async def test_a_site_with_circular_links_is_built(builder: ProcessBuilder, tmp_path: Path) -> None:
    source = await checkout(tmp_path / "source", {"index.html": ""})
    wanted = plan(static=_SITE, build=(step("ln -s a b; ln -s b a"),))

    artifact = await build(builder, source, wanted)

    assert await builder.exists(artifact.name)


async def test_a_site_that_is_a_link_to_itself_is_missing(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    source = await checkout(tmp_path / "source", {"index.html": ""})
    wanted = plan(static=StaticSite(directory="dist"), build=(step("ln -s dist dist"),))

    with pytest.raises(BuildError, match="did not create the directory dist"):
        await build(builder, source, wanted)


@pytest.mark.parametrize("target", ["/etc/passwd", "../venv", "dir/../../release.json", "/"])
async def test_a_site_with_a_link_out_of_the_repository_is_refused(
    builder: ProcessBuilder, tmp_path: Path, target: str
) -> None:
    source = await checkout(tmp_path / "source", {"index.html": "", "dir/x": ""})
    link = (
        f"ln -s {target} \"$(printf 'dir/a\\n\\377')\""
        if target[0] == "/"
        else (f"ln -s {target} out")
    )

    with pytest.raises(
        BuildError, match=r"^The link (dir/a\?\?|out) points outside the repository"
    ):
        await build(builder, source, plan(static=_SITE, build=(step(link),)))
