"""Tests the tar archives that the page builds for uploads."""

import tarfile
from collections.abc import AsyncIterator
from io import BytesIO

import pytest
from playwright.async_api import Browser, Page
from tests.dashboard.modules import open_modules

from pushpaka_core.images.dockerfiles import USER

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser")]

MODIFIED = 1_700_000_000
BUILD = """
async (files) => {
    const { tarOf } = await import('/lib/tar.js');
    const options = { lastModified: %d };
    const chosen = files.map(([name, size]) => new File(["x".repeat(size)], name, options));
    return [...new Uint8Array(await tarOf(chosen).arrayBuffer())];
}
"""


@pytest.fixture(scope="module")
async def page(chromium: Browser) -> AsyncIterator[Page]:
    async with open_modules(chromium) as page:
        yield page


async def members_of(page: Page, files: dict[str, int]) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    """Build an archive of files with the given sizes. Return its members by name."""
    archive = bytes(await page.evaluate(BUILD % (MODIFIED * 1000), list(files.items())))
    assert 0 == len(archive) % 512
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        members = {}
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            members[member.name] = member, content.read()
        return members


async def test_archive_contains_the_files(page: Page) -> None:
    """They belong to the user that runs apps."""
    sizes = {"empty": 0, "a": 1, "block": 512, "more": 513, "large": 100_000}

    members = await members_of(page, sizes)

    assert sizes == {name: len(content) for name, (_, content) in members.items()}
    for member, _ in members.values():
        assert USER == f"{member.uid}:{member.gid}"
        assert (0o644, MODIFIED, True) == (member.mode, member.mtime, member.isreg())


@pytest.mark.parametrize("name", ["a b", "größe 😀.txt", "é" * 127, "=\n"])
async def test_names_are_kept(page: Page, name: str) -> None:
    assert [name] == list(await members_of(page, {name: 3}))


async def test_names_of_each_length_are_kept(page: Page) -> None:
    """The length of the pax record includes its own digits."""
    names = {"n" * length: 1 for length in range(1, 256)}

    assert list(names) == list(await members_of(page, names))
