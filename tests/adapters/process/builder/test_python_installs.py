"""Tests the install commands that are detected for lock files of Python tools."""

from pathlib import Path
from textwrap import dedent

import pytest

from pushpaka_core.adapters.process.builder.builder import ProcessBuilder
from pushpaka_core.detection import BuildOverrides, MemoryTree, detect
from pushpaka_core.settings.settings import Settings
from pushpaka_core.testing.applications import BuildRecorder, build, checkout

pytestmark = pytest.mark.anyio

WHEEL = "bottle-0.13.4-py2.py3-none-any.whl"
DIGEST = "sha256:045684fbd2764eac9cdeb824861d1551d113e8b683d8d26e296898d3dd99a12e"
POETRY = {
    "pyproject.toml": """
        [tool.poetry]
        package-mode = false
        [tool.poetry.dependencies]
        python = "^3.9"
        bottle = "^0.13"
    """,
    "poetry.lock": f"""
        [[package]]
        name = "bottle"
        version = "0.13.4"
        description = ""
        optional = false
        python-versions = "*"
        groups = ["main"]
        files = [{{file = "{WHEEL}", hash = "{DIGEST}"}}]
        [metadata]
        lock-version = "2.1"
        python-versions = "^3.9"
        content-hash = "74dc3b1061c6260a270d1095bda2da85ff2341430187a04d4ea2a95f50fb8366"
    """,
}
PIPENV = {
    "Pipfile": """
        [packages]
        bottle = "*"
        [dev-packages]
        nothing-like-it = "*"
    """,
    "Pipfile.lock": f"""
        {{
            "_meta": {{"hash": {{}}, "pipfile-spec": 6, "requires": {{}}, "sources": []}},
            "default": {{
                "bottle": {{"hashes": ["{DIGEST}"], "version": "==0.13.4"}}
            }},
            "develop": {{}}
        }}
    """,
}


@pytest.mark.suite("integration")
@pytest.mark.parametrize("files", [POETRY, PIPENV], ids=["poetry", "pipenv"])
async def test_locked_packages_are_installed(
    builder: ProcessBuilder, tmp_path: Path, files: dict[str, str]
) -> None:
    """The output of the installer contains the locked version of the package."""
    texts = {path: dedent(text).lstrip() for path, text in files.items()}
    source = await checkout(tmp_path / "source", {**texts, "main.py": "import bottle"})
    plan = detect(MemoryTree(texts), BuildOverrides(start_command="python main.py"))
    build_recorder = BuildRecorder()

    await build(builder, source, plan, env=Settings().host_env, recorder=build_recorder)

    assert b"+ bottle==0.13.4" in build_recorder.output
