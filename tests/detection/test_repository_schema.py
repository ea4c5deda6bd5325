"""The published schema and the documentation of pushpaka.toml say what the reader does."""

import json
import re
from pathlib import Path

from pushpaka_core.detection.repository_file.keys import KEYS
from pushpaka_core.detection.repository_file.schema import repository_schema

DOCS = Path(__file__).parents[2] / "docs"


def test_the_published_schema_is_up_to_date() -> None:
    """docs/pushpaka-toml.schema.json is what `repository_schema` returns, indented by 2."""
    published = (DOCS / "pushpaka-toml.schema.json").read_text()

    assert json.dumps(repository_schema(), indent=2) + "\n" == published


def test_every_key_is_documented() -> None:
    """The table of the page has each key, in order, with its kind and its meaning."""
    page = (DOCS / "pushpaka-toml.md").read_text()
    rows = re.findall(r"^\| `([\w.]+)` \| ([^|]+) \| (.+) \|$", page, re.MULTILINE)

    assert [(key.path, str(key.kind), key.meaning) for key in KEYS] == rows


def test_the_schema_has_every_key_and_no_other() -> None:
    """What the reader refuses an editor marks."""
    properties = repository_schema()["properties"]
    paths = {
        f"{name}.{inner}"
        for name, described in properties.items()
        for inner in described.get("properties", ())
    } | {name for name, described in properties.items() if "properties" not in described}

    assert {key.path for key in KEYS} == paths
    assert repository_schema()["additionalProperties"] is False
