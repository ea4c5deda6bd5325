"""Tests that every operation of the API and every command is on one page of the reference."""

import re
from pathlib import Path

from litestar import Litestar
from tests.http.instances import Instance

from pushpaka_http.app import create_app
from pushpaka_http.cli.entry import GROUPS

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def generator_arguments(folder: str, generator: str) -> list[str]:
    """Return the arguments of *generator* on the pages in *folder*."""
    pages = [page.read_text() for page in (REFERENCE / folder).glob("*.md")]
    found = [re.findall(rf"<!-- generated: {generator} (.+) -->", page) for page in pages]
    return sorted(name for names in found for each in names for name in each.split(", "))


def test_every_operation_is_on_one_page() -> None:
    app: Litestar = create_app(Instance.empty().application)
    tags = [tag.name for tag in app.openapi_schema.tags or ()]

    assert sorted(tags) == generator_arguments("api", "operations")


def test_every_command_is_on_one_page() -> None:
    assert sorted(GROUPS) == generator_arguments("commands", "commands")
