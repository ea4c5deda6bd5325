"""Whatever somebody packs, unpacking it writes nothing outside, and not without end."""

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
from pushpaka_core.domain.source_limits import SourceLimits
from pushpaka_core.errors import SourceError
from pushpaka_core.testing.unpacker import in_pieces

pytestmark = pytest.mark.anyio

TIMEOUT = timedelta(seconds=20)
LIMITS = SourceLimits(files=50, total_bytes=1 << 20, depth=20)


def a_file(path: str, text: str = "x", **facts: int) -> tuple[tarfile.TarInfo, bytes]:
    """Return a regular file as a member of an archive."""
    member = tarfile.TarInfo(path)
    member.size = len(text)
    for name, value in facts.items():
        setattr(member, name, value)
    return member, text.encode()


def a_member(path: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """Return something else than a file."""
    member = tarfile.TarInfo(path)
    member.type, member.linkname = kind, target
    return member, b""


def a_link(path: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    """Return a symbolic link."""
    return a_member(path, tarfile.SYMTYPE, target)


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Return members as somebody packs them who means no good."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        for member, content in members:
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


def with_size(content: bytes, size: bytes) -> bytes:
    """Return an archive of one file whose header has another size."""
    header = bytearray(gzip.decompress(content))
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    return gzip.compress(bytes(header))


def header_of(kind: bytes, size: int) -> bytes:
    """Return an archive that begins with an extended header of *size* bytes."""
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, size
    return gzip.compress(member.tobuf(tarfile.USTAR_FORMAT) + bytes(size) + bytes(1024))


def a_sparse_file() -> bytes:
    """Return an archive of a file that is nearly all hole."""
    member = tarfile.TarInfo("hole")
    member.size = 1
    sparse = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "hole"}
    sparse |= {"GNU.sparse.size": str(1 << 40), "GNU.sparse.numblocks": "1"}
    member.pax_headers = sparse | {"GNU.sparse.map": "0,1"}
    return archive((member, b"x"))


def pax(**facts: str) -> bytes:
    """Return what an extended header says."""
    return tarfile.TarInfo("x").create_pax_global_header(facts)


def a_map_of_holes() -> bytes:
    """Return an archive of a sparse file whose map is long, and packs to nearly nothing."""
    said = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "hole"}
    header = bytearray(pax(**said, **{"GNU.sparse.realsize": "1"}))
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
    "long header": lambda: header_of(tarfile.XHDTYPE, 1 << 17),
    "long name header": lambda: header_of(tarfile.GNUTYPE_LONGNAME, 1 << 17),
    "negative": lambda: with_size(archive(a_file("a")), b"\xff" * 12),
    "endless headers": lambda: gzip.compress(header_only(tarfile.GNUTYPE_LONGNAME) * 5000),
    "long map of holes": a_map_of_holes,
    "huge": lambda: with_size(archive(a_file("a")), b"\x80" + b"\0" * 4 + b"\xff" * 7),
}


def header_only(kind: bytes) -> bytes:
    """Return an extended header with one block."""
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, 512
    return member.tobuf(tarfile.USTAR_FORMAT) + b"a" * 512


def everything_in(directory: Path) -> list[Path]:
    """Return all that lies below a directory."""
    return list(directory.rglob("*"))


@pytest.mark.parametrize("name", [*OUTSIDE, *ODD, *MUCH])
async def test_what_no_checkout_would_have_is_refused(tmp_path: Path, name: str) -> None:
    """With a sentence for who sent it; nothing is left, inside or beside."""
    hostile: Callable[[], bytes] = (OUTSIDE | ODD | MUCH)[name]
    home = tmp_path / "home"
    await to_thread.run_sync(home.mkdir)

    with pytest.raises(SourceError, match="The archive cannot be unpacked: ") as refusal:
        await TarUnpacker(limits=LIMITS).unpack(
            in_pieces(hostile(), 4096), home / "source", timeout=TIMEOUT
        )

    assert len(str(refusal.value)) < 250
    assert str(refusal.value).isprintable()
    assert [home] == everything_in(tmp_path)
    if name in OUTSIDE:
        assert "leads out of the folder" in str(refusal.value)


async def test_a_map_of_holes_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    """It becomes numbers of Python, a thousand times what is sent."""
    with pytest.raises(SourceError, match="it has a header that no archive of a folder has"):
        await TarUnpacker().unpack(
            in_pieces(a_map_of_holes()), tmp_path / "source", timeout=TIMEOUT
        )


async def test_what_is_said_of_all_files_is_not_kept(tmp_path: Path) -> None:
    """Or headers of their own would fill the memory, as each may say something else."""
    said = "v" * 50_000
    headers = (pax(**{f"k{n}": said}) + a_file(f"{n}", "")[0].tobuf() for n in range(200))
    content = gzip.compress(b"".join(headers))

    tracemalloc.start()
    try:
        await TarUnpacker().unpack(in_pieces(content), tmp_path / "source", timeout=TIMEOUT)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 100 * len(said)


async def test_links_that_stay_inside_are_made(tmp_path: Path) -> None:
    """Whichever way they lead there, and whatever comes before them in the archive."""
    members = archive(
        a_link("bin/tool", "../lib/tool.js"),
        a_link("top", "lib/"),
        a_file("lib/tool.js", "code"),
        a_link("lib/self", "./tool.js"),
    )

    await TarUnpacker().unpack(in_pieces(members), tmp_path / "source", timeout=TIMEOUT)

    for path in ("bin/tool", "top/tool.js", "lib/self"):
        text = await to_thread.run_sync((tmp_path / "source" / path).read_text)
        assert "code" == text


async def test_nothing_of_who_packed_is_taken_over(tmp_path: Path) -> None:
    """No owner, no time and no bit that gives somebody else's rights."""
    member = a_file("run", mode=0o6777, uid=12345, gid=12345, mtime=1)

    await TarUnpacker().unpack(in_pieces(archive(member)), tmp_path / "source", timeout=TIMEOUT)

    facts = await to_thread.run_sync((tmp_path / "source/run").stat)
    assert (0o100755, os.getuid(), os.getgid()) == (facts.st_mode, facts.st_uid, facts.st_gid)
    assert facts.st_mtime > 1


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31m", "\udcff"])
async def test_an_odd_name_is_said_without_harm(tmp_path: Path, name: str) -> None:
    """It goes into a log that others read."""
    with pytest.raises(SourceError) as refusal:
        await TarUnpacker().unpack(
            in_pieces(archive(a_file(f"../{name}"))), tmp_path / "source", timeout=TIMEOUT
        )

    assert str(refusal.value).isprintable()
    str(refusal.value).encode()


async def test_a_cancelled_unpacking_leaves_nothing(tmp_path: Path) -> None:
    """Nor does one whose time is over."""
    content = archive(*(a_file(f"{n}", "y" * 1000) for n in range(1000)))

    async def endless() -> AsyncIterator[bytes]:
        yield content
        tasks.cancel_scope.cancel()
        yield b""

    async with create_task_group() as tasks:
        await TarUnpacker().unpack(endless(), tmp_path / "source", timeout=TIMEOUT)
    with pytest.raises(SourceError, match="not unpacked within 0 seconds"):
        await TarUnpacker().unpack(in_pieces(content), tmp_path / "late", timeout=timedelta(0))

    assert [] == everything_in(tmp_path)
