"""Whatever a Python project holds, there is a plan or a sentence."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushpaka_core.detection import MemoryTree, Wishes, detect, explain
from pushpaka_core.detection.python.language import TRIGGERS
from pushpaka_core.errors import DetectionError

NAMES = [
    *TRIGGERS, "Procfile", ".python-version", ".tool-versions", "mise.toml", "runtime.txt",
    "setup.cfg", "__init__.py", ".py", "src/main.py", "app/__init__.py", "pages/x.py", "🏠 x.py",
    "x/__main__.py", "a/manage.py", "a/settings.py", "a/a/wsgi.py", "b/pyproject.toml", "b/main.py",
]  # fmt: skip
FILES = [
    "[project]\n", "name = 'a'\n", "[[package]]\n", "[[packages]]\n", "groups = ['main']\n",
    "dependencies = {x = {optional = true}}\n", "[build-system]\n", "readme = 1\n", "python = 3\n",
    "[project.scripts]\nx = 'a:b'\n", "[tool.poetry.dependencies]\n", "python = '^3'\n",
    "a = '^'\n", "b = {git = 'x', rev = 1}\n", "c = [{version = '1'}]\n", "d = []\n",
    "e = {extras = [1]}\n", "[tool.uv.workspace]\nmembers = ['*']\n",
    "[tool.uv.workspace]\nmembers = ['', '/', '..', '[']\n", "[packages]\n",
    "[[source]]\nname = 'pypi'\n", "[requires]\npython_version = '3.11'\n",
    '{"default": {"a": {"version": 1}}}', '{"default": {"a": []}}', "{",
    "[tools]\npython = ['3']\n", "python 3.11\n", "3.12\n", "fastapi\n", "-r requirements.txt\n",
    "-e .\n", "django\nstreamlit\n",
]  # fmt: skip
CODE = [
    "from fastapi import *\n", "from fasthtml.common import *\n", "app, rt = fast_app()\n",
    "import dash\napp = dash.Dash()\nserver = app.server\n", "server = app.server.server\n",
    "from bottle import *\nrun()\n", "from flask import Flask\napp = Flask('x')\napp.run()\n",
    "from a import app\n", "from .a import *\n", "from ... import x\n", "import streamlit\n",
    "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'a.settings')\n", "'PORT'\n",
    "from django.core.wsgi import get_wsgi_application as g\napplication = g()\n",
    "INSTALLED_APPS = ['django.contrib.staticfiles']\n", "STATIC_ROOT: str\n",
    "STATIC_ROOT = 'x'\n", "ALLOWED_HOSTS = [1, *x, 'a']\n", "from a.settings import *\n",
    "class S(S): a: int\n",
    "from pydantic import BaseSettings\nclass S(BaseSettings):\n a: str = Field(alias='x')\n",
    "from aiohttp import web\nasync def init(): return web.Application()\n", "() = x\n",
    "def create_app(): return create_app()\n", "(a, b), c = f()\n", "a = b = c = 1\n", "if 1:\n",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from([*FILES, *CODE, "\t", "\0", "((", "'''"]), max_size=8).map("".join)
PATHS = st.one_of(st.sampled_from(NAMES), st.sampled_from(NAMES).map("b/{}".format))
APP = "from fastapi import FastAPI\napp = FastAPI()\n"
DIGITS = "1" * 5_000


@given(
    st.dictionaries(PATHS, TEXTS, max_size=8),
    st.sampled_from([None, "python", "django", "streamlit"]),
    st.sampled_from(["", "b"]),
)
def test_any_python_project_is_survived(
    files: dict[str, str], framework: str | None, root_dir: str
) -> None:
    """Nothing but DetectionError is raised, and every plan can be told."""
    with suppress(DetectionError):
        explain(detect(MemoryTree(files), Wishes(framework=framework, root_dir=root_dir)))


@pytest.mark.parametrize(
    "files",
    [
        {
            "pyproject.toml": (
                f"[tool.poetry.dependencies]\npython = '^{DIGITS}'\nfastapi = '~{DIGITS}'"
            )
        },
        {
            "pyproject.toml": (
                f"[project]\nrequires-python = '>={DIGITS}'\ndependencies = ['fastapi']"
            )
        },
        {"pyproject.toml": "[tool.poetry.dependencies]\nfastapi = '" + "1 " * 100_000 + "'"},
        {"Pipfile": "[packages]\nfastapi = '" + "^" * 100_000 + "'"},
        {"requirements.txt": "fastapi[" + "a," * 20_000 + "b]"},
        {"requirements.txt": "fastapi ; " + "(" * 5_000},
        {"requirements.txt": "fastapi", ".tool-versions": "python" + " " * 200_000},
        {"requirements.txt": "fastapi", "x.py": "from a import *\n" * 5_000},
    ],
    ids="-".join,
)
def test_monstrous_python_files_are_survived(files: dict[str, str]) -> None:
    """What no tool would like is passed over; the application beside it is found."""
    assert "fastapi" == detect(MemoryTree({"main.py": APP, **files}), Wishes()).framework


@pytest.mark.parametrize(
    "noise",
    [
        {f"pkg/m{number}.py": "x = 1" for number in range(600)},
        {f"pkg/m{number}.py": "x = 1\n" * 30_000 for number in range(10)},
    ],
    ids=["many", "long"],
)
def test_modules_beyond_a_measure_are_not_looked_at(noise: dict[str, str]) -> None:
    """The likeliest come first, and a person learns that there are more."""
    plan = detect(MemoryTree({**noise, "requirements.txt": "fastapi", "main.py": APP}), Wishes())

    assert "fastapi" == plan.framework
    assert "more modules were not looked at" in plan.rejected[-1].reason
