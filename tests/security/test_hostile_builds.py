"""What a build leaves behind harms neither whoever looks at it nor whoever removes it."""

from datetime import timedelta
from pathlib import Path

import pytest
from anyio import fail_after, to_thread

from pushpaka_core.adapters.process.builder import ProcessBuilder
from pushpaka_core.domain.build_plans import StaticSite
from pushpaka_core.errors import BuildError
from pushpaka_core.testing.applications import build, checkout, plan, step

pytestmark = pytest.mark.anyio

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
async def test_what_is_left_does_no_harm(
    builder: ProcessBuilder, tmp_path: Path, data: Path, command: str
) -> None:
    """Neither pipes, devices and links nor odd names and modes stop a build or its removal."""
    source = await checkout(tmp_path / "source", {"x": ""})
    wanted = plan(language="python", build=(step(command),))

    with fail_after(20):
        artifact = await build(builder, source, wanted)
        await builder.remove(artifact.name)

    assert [] == await to_thread.run_sync(lambda: list((data / "releases").iterdir()))


async def test_directories_without_end_are_refused_and_removed(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    """Nesting that no path could name is told, and nothing of it stays on the disk."""
    source = await checkout(tmp_path / "source", {"x": ""})
    wanted = plan(language="python", build=(step(_NEST),))

    with pytest.raises(BuildError, match="nested more than 200 deep, as in d/d/"):
        await build(builder, source, wanted)

    assert {} == await builder.artifacts()


async def test_an_enormous_file_is_refused(builder: ProcessBuilder, tmp_path: Path) -> None:
    """A file that pretends to hold a terabyte cannot be made."""
    source = await checkout(tmp_path / "source", {"x": ""})

    with pytest.raises(BuildError, match="`truncate -s 1T big` exited with code"):
        await build(builder, source, plan(build=(step("truncate -s 1T big"),)))


async def test_looking_at_what_was_built_is_bounded_in_time(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    """The time of a build counts until its end, the reading of its files included."""
    source = await checkout(tmp_path / "source", {"x": ""})
    files = " ".join(map(str, range(100)))
    wanted = plan(build=(step(f"truncate -s 7G {files}"),))

    with fail_after(10), pytest.raises(BuildError, match="took longer than"):
        await build(builder, source, wanted, timeout=timedelta(seconds=1))

    assert {} == await builder.artifacts()


async def test_a_site_with_links_in_a_circle_is_served(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    """They lead nowhere, so they lead to nothing of this host."""
    source = await checkout(tmp_path / "source", {"index.html": ""})
    wanted = plan(static=_SITE, build=(step("ln -s a b; ln -s b a"),))

    artifact = await build(builder, source, wanted)

    assert await builder.exists(artifact.name)


async def test_a_site_that_is_a_link_to_itself_is_missed(
    builder: ProcessBuilder, tmp_path: Path
) -> None:
    """It is told as the directory that is not there."""
    source = await checkout(tmp_path / "source", {"index.html": ""})
    wanted = plan(static=StaticSite(directory="dist"), build=(step("ln -s dist dist"),))

    with pytest.raises(BuildError, match="no directory dist after the build"):
        await build(builder, source, wanted)


@pytest.mark.parametrize("target", ["/etc/passwd", "../venv", "dir/../../release.json", "/"])
async def test_a_site_that_leads_out_is_refused(
    builder: ProcessBuilder, tmp_path: Path, target: str
) -> None:
    """Whatever the way, and whatever the name of the link, which is told in plain text."""
    source = await checkout(tmp_path / "source", {"index.html": "", "dir/x": ""})
    link = (
        f"ln -s {target} \"$(printf 'dir/a\\n\\377')\""
        if target[0] == "/"
        else (f"ln -s {target} out")
    )

    with pytest.raises(BuildError, match=r"^The link (dir/a\?\?|out) leads out of the repository"):
        await build(builder, source, plan(static=_SITE, build=(step(link),)))
