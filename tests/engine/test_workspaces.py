"""Applications that lie among other packages of their repository, which they need."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.engine.deployed import Files, deployed
from tests.engine.test_languages import GO, HELLO, NODE, PYTHON, RUST

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker"), pytest.mark.timeout(600)]

_LOCKS = Path(__file__).with_name("locks")
_HELLO = f'"{HELLO}"'
_MEMBERS = {
    "package.json": json.dumps({"private": True, "workspaces": ["apps/*", "packages/*"]}),
    "apps/api/package.json": json.dumps(
        {
            "name": "api",
            "version": "1.0.0",
            "dependencies": {"kind": "1.0.0"},
            "scripts": {"start": "node index.js"},
        }
    ),
    "apps/api/index.js": (
        "const { hello } = require('kind')\n"
        "require('http').createServer((_, answer) => answer.end(hello)).listen(process.env.PORT)\n"
    ),
    "packages/kind/package.json": json.dumps(
        {
            "name": "kind",
            "version": "1.0.0",
            "dependencies": {"ms": "2.1.3"},
            "scripts": {"build": "cp source.js index.js"},
        }
    ),
    "packages/kind/source.js": f"require('ms')\nexports.hello = {_HELLO}\n",
}
_PYPROJECT = """\
[project]
name = "shop"
version = "1"
requires-python = ">=3.11"
dependencies = ["bottle==0.13.4", "kind"]
[tool.uv.sources]
kind = { path = "kind" }
"""
_KIND = """\
[project]
name = "kind"
version = "1"
description = "Of what kind it is."
[build-system]
requires = ["flit_core>=3.12,<4"]
build-backend = "flit_core.buildapi"
"""
_BOTTLE = """\
import bottle
import kind

app = bottle.default_app()
app.get("/")(lambda: kind.HELLO)
"""
WORKSPACES: Mapping[str, tuple[str, str, Files]] = {
    "cargo": (
        "rust:1",
        "crates/api",
        {
            "Cargo.toml": '[workspace]\nmembers = ["crates/*"]\nresolver = "2"\n',
            "crates/api/Cargo.toml": (
                '[package]\nname = "api"\nversion = "1.0.0"\nedition = "2021"\n'
                '[dependencies]\nkind = { path = "../kind" }\n'
            ),
            "crates/api/src/main.rs": RUST.replace(
                f'{HELLO}")', '").and_then(|()| stream.write_all(kind::HELLO.as_bytes()))'
            ),
            "crates/kind/Cargo.toml": (
                '[package]\nname = "kind"\nversion = "1.0.0"\nedition = "2021"\n'
            ),
            "crates/kind/src/lib.rs": f"pub const HELLO: &str = {_HELLO};\n",
        },
    ),
    "go": (
        "golang:1.24",
        "",
        {
            "go.work": "go 1.24\n\nuse (\n\t./kind\n\t./web\n)\n",
            "kind/go.mod": "module kind\n\ngo 1.24\n",
            "kind/kind.go": f"package kind\n\nconst Hello = {_HELLO}\n",
            "web/go.mod": "module web\n\ngo 1.24\n",
            "web/main.go": GO.replace(f'{HELLO}"', '" + kind.Hello').replace(
                '"net"', '"kind"\n\t"net"'
            ),
        },
    ),
    "npm": (
        NODE,
        "",
        {**_MEMBERS, "package-lock.json": (_LOCKS / "npm-workspace.json").read_text()},
    ),
    "uv": (
        PYTHON,
        "",
        {
            "pyproject.toml": _PYPROJECT,
            "uv.lock": (_LOCKS / "uv-path.lock").read_text(),
            "app.py": _BOTTLE,
            "kind/pyproject.toml": _KIND,
            "kind/kind.py": f"HELLO = {_HELLO}\n",
        },
    ),
    "yarn": (NODE, "apps/api", {**_MEMBERS, "yarn.lock": (_LOCKS / "yarn.lock").read_text()}),
}
"""The base image, the directory that is named, and the files, by who knows of the packages."""


@pytest.mark.parametrize("name", WORKSPACES)
async def test_application_of_a_workspace_is_built_and_answers(name: str, tmp_path: Path) -> None:
    """What it says comes from another package, which is built before it where it has to be."""
    base, root_dir, files = WORKSPACES[name]

    async with deployed(tmp_path, (base,), files, root_dir=root_dir) as application:
        answer = await application.answer()

    assert HELLO == answer
