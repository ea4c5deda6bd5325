"""Unpacking a hostile archive is limited, and writes nothing outside the target directory."""

import gzip
import io
import os
import tarfile
import tracemalloc
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from anyio import create_task_group, to_thread

from pushpaka_core.adapters.files.unpacker import TarUnpacker
from pushpaka_core.domain.projects.sources import SourceLimits
from pushpaka_core.errors import SourceError
from pushpaka_core.testing.unpacker import chunks_of

pytestmark = pytest.mark.anyio

TIMEOUT = timedelta(seconds=20)
LIMITS = SourceLimits(files=50, total_bytes=1 << 20, depth=20)


def a_file(path: str, text: str = "x", **facts: int) -> tuple[tarfile.TarInfo, bytes]:
    """Return a regular file and its content as a member of an archive."""
    member = tarfile.TarInfo(path)
    member.size = len(text)
    for name, value in facts.items():
        setattr(member, name, value)
    return member, text.encode()


def a_member(path: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """Return a member of an archive that is not a regular file."""
    member = tarfile.TarInfo(path)
    member.type, member.linkname = kind, target
    return member, b""


def a_link(path: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    """Return a symbolic link as a member of an archive."""
    return a_member(path, tarfile.SYMTYPE, target)


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Return a compressed archive of *members*."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        for member, content in members:
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


def with_size(content: bytes, size: bytes) -> bytes:
    """Return the archive *content* with *size* as the size field of its first header."""
    header = bytearray(gzip.decompress(content))
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    return gzip.compress(bytes(header))


def archive_with_header(kind: bytes, size: int) -> bytes:
    """Return an archive that begins with an extended header whose content has *size* bytes."""
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, size
    return gzip.compress(member.tobuf(tarfile.USTAR_FORMAT) + bytes(size) + bytes(1024))


def a_sparse_file() -> bytes:
    """Return an archive of a sparse file of 1 TiB with one byte of data."""
    member = tarfile.TarInfo("hole")
    member.size = 1
    sparse = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "hole"}
    sparse |= {"GNU.sparse.size": str(1 << 40), "GNU.sparse.numblocks": "1"}
    member.pax_headers = sparse | {"GNU.sparse.map": "0,1"}
    return archive((member, b"x"))


def pax_records(**facts: str) -> bytes:
    """Return a global extended header with *facts* as its records."""
    return tarfile.TarInfo("x").create_pax_global_header(facts)


def a_sparse_file_with_a_long_map() -> bytes:
    """Return an archive of a sparse file, whose long map compresses to almost nothing."""
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "hole"}
    header = bytearray(pax_records(**headers, **{"GNU.sparse.realsize": "1"}))
    header[156:157] = tarfile.XHDTYPE
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    member = tarfile.TarInfo("hole").tobuf(tarfile.USTAR_FORMAT)
    return gzip.compress(bytes(header) + member + b"1000000\n" + b"1\n" * (300 << 10))


OUTSIDE = {
    "up": lambda: archive(a_file("../escaped")),
    "up further down": lambda: archive(a_file("a/../../escaped")),
    "absolute": lambda: archive(a_file("/var/escaped")),
    "absolute twice": lambda: archive(a_file("//var/escaped")),
    "link to the host": lambda: archive(a_link("passwd", "/etc/passwd")),
    "link upwards": lambda: archive(a_link("a/up", "../../escaped")),
    "link by links": lambda: archive(
        a_link("a/b/top", "../.."), a_link("a/b/out", "top/../escaped"), a_file("a/b/out/x")
    ),
    "link to nothing": lambda: archive(a_link("empty", "")),
}
ODD = {
    "through a link": lambda: archive(a_link("dir", "other"), a_file("dir/escaped")),
    "file as directory": lambda: archive(a_file("a"), a_file("a/b")),
    "twice": lambda: archive(a_file("a"), a_file("./a")),
    "link over a file": lambda: archive(a_file("a"), a_link("a", "b")),
    "hard link": lambda: archive(a_file("a"), a_member("b", tarfile.LNKTYPE, "a")),
    "hard link outside": lambda: archive(a_member("b", tarfile.LNKTYPE, "/etc/passwd")),
    "device": lambda: archive(a_member("sda", tarfile.BLKTYPE)),
    "terminal": lambda: archive(a_member("tty", tarfile.CHRTYPE)),
    "pipe": lambda: archive(a_member("pipe", tarfile.FIFOTYPE)),
    "git": lambda: archive(a_file(".git/config")),
    "git in other letters": lambda: archive(a_file("sub/.GIT/hooks/post-checkout")),
    "hole": a_sparse_file,
}
MUCH = {
    "bomb": lambda: archive(a_file("zeros", "\0" * (LIMITS.total_bytes + 1))),
    "many bombs": lambda: archive(*(a_file(f"{n}", "\0" * (1 << 19)) for n in range(3))),
    "many files": lambda: archive(*(a_file(f"{n}", "") for n in range(51))),
    "many directories": lambda: archive(*(a_file(f"{n}/a/b/c/d/e/f", "") for n in range(10))),
    "deep": lambda: archive(a_file("a/" * 21 + "b")),
    "long name": lambda: archive(a_file("a" * 256)),
    "long path": lambda: archive(a_file("/".join(["a" * 200] * 6))),
    "long header": lambda: archive_with_header(tarfile.XHDTYPE, 1 << 17),
    "long name header": lambda: archive_with_header(tarfile.GNUTYPE_LONGNAME, 1 << 17),
    "negative": lambda: with_size(archive(a_file("a")), b"\xff" * 12),
    "endless headers": lambda: gzip.compress(extended_header(tarfile.GNUTYPE_LONGNAME) * 5000),
    "long map of holes": a_sparse_file_with_a_long_map,
    "huge": lambda: with_size(archive(a_file("a")), b"\x80" + b"\0" * 4 + b"\xff" * 7),
}


def extended_header(kind: bytes) -> bytes:
    """Return an extended header with one block of content."""
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, 512
    return member.tobuf(tarfile.USTAR_FORMAT) + b"a" * 512


def everything_in(directory: Path) -> list[Path]:
    """Return the paths of all files and directories below *directory*."""
    return list(directory.rglob("*"))


@pytest.mark.parametrize("name", [*OUTSIDE, *ODD, *MUCH])
async def test_a_hostile_archive_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing remains in the target directory, and no file is written outside of it."""
    hostile: Callable[[], bytes] = (OUTSIDE | ODD | MUCH)[name]
    home = tmp_path / "home"
    await to_thread.run_sync(home.mkdir)

    with pytest.raises(SourceError, match="The archive cannot be unpacked: ") as refusal:
        await TarUnpacker(limits=LIMITS).extract(
            chunks_of(hostile(), 4096), home / "source", timeout=TIMEOUT
        )

    assert len(str(refusal.value)) < 250
    assert str(refusal.value).isprintable()
    assert [home] == everything_in(tmp_path)
    if name in OUTSIDE:
        assert "points outside the folder" in str(refusal.value)


async def test_a_long_sparse_map_is_refused(tmp_path: Path) -> None:
    """The compressed map is small, but would be a thousand times as large in memory."""
    with pytest.raises(SourceError, match="a header is too large"):
        await TarUnpacker().extract(
            chunks_of(a_sparse_file_with_a_long_map()), tmp_path / "source", timeout=TIMEOUT
        )


async def test_global_headers_are_not_kept_in_memory(tmp_path: Path) -> None:
    value = "v" * 50_000
    headers = (pax_records(**{f"k{n}": value}) + a_file(f"{n}", "")[0].tobuf() for n in range(200))
    content = gzip.compress(b"".join(headers))

    tracemalloc.start()
    try:
        await TarUnpacker().extract(chunks_of(content), tmp_path / "source", timeout=TIMEOUT)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 100 * len(value)


async def test_links_inside_the_archive_are_created(tmp_path: Path) -> None:
    members = archive(
        a_link("bin/tool", "../lib/tool.js"),
        a_link("top", "lib/"),
        a_file("lib/tool.js", "code"),
        a_link("lib/self", "./tool.js"),
    )

    await TarUnpacker().extract(chunks_of(members), tmp_path / "source", timeout=TIMEOUT)

    for path in ("bin/tool", "top/tool.js", "lib/self"):
        text = await to_thread.run_sync((tmp_path / "source" / path).read_text)
        assert "code" == text


async def test_owner_time_and_special_bits_are_not_restored(tmp_path: Path) -> None:
    member = a_file("run", mode=0o6777, uid=12345, gid=12345, mtime=1)

    await TarUnpacker().extract(chunks_of(archive(member)), tmp_path / "source", timeout=TIMEOUT)

    facts = await to_thread.run_sync((tmp_path / "source/run").stat)
    assert (0o100755, os.getuid(), os.getgid()) == (facts.st_mode, facts.st_uid, facts.st_gid)
    assert facts.st_mtime > 1


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31m", "\udcff"])
async def test_messages_have_printable_names_only(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError) as refusal:
        await TarUnpacker().extract(
            chunks_of(archive(a_file(f"../{name}"))), tmp_path / "source", timeout=TIMEOUT
        )

    assert str(refusal.value).isprintable()
    str(refusal.value).encode()


async def test_a_canceled_unpacking_leaves_nothing(tmp_path: Path) -> None:
    content = archive(*(a_file(f"{n}", "y" * 1000) for n in range(1000)))

    async def endless() -> AsyncIterator[bytes]:
        yield content
        tasks.cancel_scope.cancel()
        yield b""

    async with create_task_group() as tasks:
        await TarUnpacker().extract(endless(), tmp_path / "source", timeout=TIMEOUT)
    with pytest.raises(SourceError, match="not unpacked within 0 seconds"):
        await TarUnpacker().extract(chunks_of(content), tmp_path / "late", timeout=timedelta(0))

    assert [] == everything_in(tmp_path)
