"""Tests the tools that the platform shares with the users of projects."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pushpaka_core.adapters.process.toolchains.tools import _install_program
from pushpaka_shim.isolation import TEMPORARY_DIRECTORIES

ENV = Path("/usr/bin/env")


def test_a_program_of_the_host_is_linked(tmp_path: Path) -> None:
    target = tmp_path / "env"

    _install_program(ENV, target)

    assert target.readlink() == ENV


@pytest.mark.parametrize("parent", TEMPORARY_DIRECTORIES)
def test_a_program_in_a_temporary_directory_is_copied(parent: str, tmp_path: Path) -> None:
    """Programs of a project cannot see the directory, because they have private temporary files."""
    target = tmp_path / "tool"
    with TemporaryDirectory(dir=parent) as directory:
        Path(directory).chmod(0o755)
        source = Path(directory, "tool")
        source.write_bytes(b"#!/bin/sh\n")
        source.chmod(0o755)
        target.symlink_to(source)

        _install_program(source, target)

    assert not target.is_symlink()
    assert target.read_bytes() == b"#!/bin/sh\n"
