"""Tests that the hash of a build context depends on all of its files."""

import csv
import os
from pathlib import Path

from pushpaka_core.adapters.docker.contexts import BuildContexts, digest_of
from pushpaka_core.adapters.files.tree import load_tree
from pushpaka_core.domain.pipeline.build_plans import RepositoryDockerfile
from pushpaka_core.ports.builder import BuildRequest
from pushpaka_core.testing.applications import PROJECT, PROJECT_NUMBER, new_lease, plan


def test_file_names_that_are_not_utf_8_are_part_of_the_hash(tmp_path: Path) -> None:
    """Git stores file names as bytes, which may be invalid UTF-8."""
    name = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    before = digest_of(tmp_path)
    with open(name, "wb") as file:  # noqa: PTH123  # The name is bytes.
        file.write(b"x")
    one = digest_of(tmp_path)
    os.rename(name, os.fsencode(tmp_path) + b"/caf\xe8.txt")  # noqa: PTH104

    assert 3 == len({before, one, digest_of(tmp_path)})


def test_secret_file_can_be_in_any_directory(tmp_path: Path) -> None:
    """BuildKit parses `--secret` as CSV, so commas and quotes in the path are escaped."""
    scratch = tmp_path / 'a, "b"'
    scratch.mkdir()
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    request = BuildRequest(
        lease=new_lease(),
        project_id=PROJECT,
        project_number=PROJECT_NUMBER,
        plan=plan(dockerfile=RepositoryDockerfile()),
        directory=tmp_path,
        env={"TOKEN": "hush"},
    )
    contexts = BuildContexts(salt=b"", tree_of=lambda directory: load_tree(directory, ""))

    arguments = contexts.prepare(request, scratch, image_prefix="own").arguments

    (fields,) = csv.reader([arguments[arguments.index("--secret") + 1]])
    assert ["id=TOKEN", f"src={scratch}/secret-0"] == fields
    assert "hush" == (scratch / "secret-0").read_text()
