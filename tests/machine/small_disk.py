"""A small disk that tests can fill. Mounting it requires root."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(place: Path, mebibytes: int = 6) -> Iterator[None]:
    """Mount a disk of a few MiB at *place*, or skip the test if mounting is not permitted."""
    place.mkdir(exist_ok=True)
    mount = ["/bin/mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0711", "small", str(place)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(place)], check=True)
