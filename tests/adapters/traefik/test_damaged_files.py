"""Tests damaged files of the router, and directories in their place."""

import shutil
from pathlib import Path

import pytest
from tests.machine.file_damage import (
    Damage,
    empty,
    fill_with_nuls,
    halve,
    remove,
    remove_permissions,
    replace_directory_with_file,
    replace_with_directory,
)

from pushpaka_core.adapters.traefik.configuration import EntryPoints, generation_in
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.ports.router import RouteTable

ENTRY_POINTS = EntryPoints(
    host="127.0.0.1", port=8000, internal_port=8001, error_page_port=8002, gate_port=8003
)


def truncate_text(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")


def remove_directory(file: Path) -> None:
    shutil.rmtree(file.parent)


@pytest.mark.parametrize(
    "inflict_damage",
    [
        empty,
        fill_with_nuls,
        halve,
        truncate_text,
        replace_with_directory,
        remove,
        remove_permissions,
        remove_directory,
        replace_directory_with_file,
    ],
)
def test_next_table_is_written_after_any_damage(tmp_path: Path, inflict_damage: Damage) -> None:
    for name in ("routes.yml", "routes.lock", "routes.new", "default.crt", "default.key"):
        directory = TraefikDirectory(tmp_path / name / "router")
        directory.path.parent.mkdir()
        directory.prepare_routes(ENTRY_POINTS)
        directory.write_table(RouteTable(generation=7, routes=()), ENTRY_POINTS)
        (directory.path / name).touch()

        inflict_damage(directory.path / name)
        directory.write_table(RouteTable(generation=8, routes=()), ENTRY_POINTS)

        assert 8 == generation_in(directory.routes_file.read_text()), name
        assert (directory.path / "default.key").read_text().startswith("-----BEGIN"), name


@pytest.mark.parametrize(
    "inflict_damage", [empty, fill_with_nuls, halve, replace_with_directory, remove]
)
def test_traefik_starts_with_a_readable_table(tmp_path: Path, inflict_damage: Damage) -> None:
    directory = TraefikDirectory(tmp_path / "router")
    directory.prepare_routes(ENTRY_POINTS)

    inflict_damage(directory.routes_file)
    directory.prepare_routes(ENTRY_POINTS)

    assert 0 == generation_in(directory.routes_file.read_text())
