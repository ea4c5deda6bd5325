"""Tests that arbitrary and hostile repositories get a plan or a DetectionError."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.detection.plans import Files, plan_of
from tests.machine.processor_time import limit_processor_time

from pushpaka_core.detection import BuildOverrides, MemoryTree, detect, explain
from pushpaka_core.detection.languages import LANGUAGES
from pushpaka_core.detection.python.language import TRIGGERS
from pushpaka_core.domain.pipeline.build_plans import Packaging
from pushpaka_core.errors import DetectionError
from pushpaka_core.images.dockerfiles import DockerfileWriter
from pushpaka_core.images.languages import image_recipe

APP = "from fastapi import FastAPI\napp = FastAPI()\n"
NAMES = sorted(
    {
        "Procfile",
        "pushpaka.toml",
        ".python-version",
        "runtime.txt",
        "src/main.py",
        "app/__init__.py",
        "a.csproj",
    }
    | {trigger for language in LANGUAGES for trigger in language.triggers}
)
FRAGMENTS = [
    "web: x\n", "worker: y\n", "[project]\n", "[[package]]\n", 'name = "shop"\n', "[tool.uv]\n",
    'dependencies = ["fastapi", 1]\n', "dependencies = [{name = 'a', extra = ['b']}]\n",
    "fastapi\n", "-r requirements.txt\n", "flask ; x\n", "from fastapi import *\n",
    "from fastapi import FastAPI\n", "import flask as f, os\n", "from .. import x\n", "app = ",
    "FastAPI()", "f.Flask('x')", "app\n", "class A(A): pass\n", "class B(C): pass\n", "\n",
    "def create_app(*, a=1, b): return app\n", "os.environ['A']\n", "os.getenv('B', 1)\n",
    "if __name__ == 1:\n  ", "root: src\n", "pushstate: on\n", "\\\n", "\0", "((((", "'", "3.12\n",
]  # fmt: skip
TEXTS = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=20)), max_size=12).map(
    "".join
)
PATHS = st.one_of(st.sampled_from(NAMES), st.text(min_size=1, max_size=20))


TREES = st.dictionaries(PATHS, TEXTS, max_size=6)
OTHER_FILES = [
    "go.mod", "go.work", "main.go", "cmd/a/main.go", "Cargo.toml", "src/main.rs", "a/Cargo.toml",
    "rust-toolchain", "Gemfile", "Gemfile.lock", "config.ru", "composer.json", "public/index.php",
    "pom.xml", "build.gradle", "a.csproj", "global.json", "mix.exs", "mix.lock", "deno.jsonc",
    "main.ts", ".tool-versions", "mise.toml", "package.json", ".ruby-version", "Procfile",
    "app.json", "render.yaml",
]  # fmt: skip
OTHER_TEXTS = [
    "go 1.22\n", "toolchain go9999999.1\n", "use (\n./a\n..\n)\n", "package main\n", "[[bin]]\n",
    "name = 'a'\n", "[workspace]\n", "members = ['*', 1]\n", "gem 'rails'\n", "gem 'puma'\n",
    "ruby '~> 3'\n", "    rails (8)\n", '{"require": {"php": "^8 | >=@7"}}', "{", "}", "web: x\n",
    "org.springframework.boot", "<java.version>1.8<", "application mainClass",
    'Sdk="Microsoft.NET.Sdk.Web"', "<TargetFramework>net8.0<", "<AssemblyName>a b<", "app: :shop\n",
    'elixir: "~> 1.15"\n', '"tasks": {"start": 1}', "// a\n", "ruby 3\n", "[tools]\ngo = 1\n",
    'channel = "1.8"\n', "9" * 50, "\0", "'\"",
]  # fmt: skip


OTHER_TREES = st.dictionaries(
    st.sampled_from(OTHER_FILES),
    st.lists(st.sampled_from(OTHER_TEXTS), max_size=6).map("".join),
    max_size=6,
)
KEYS = [
    "name", "scripts", "start", "build", "dependencies", "devDependencies", "packageManager",
    "engines", "node", "pnpm", "workspaces", "packages", "main", "volta", "next", "vite", "astro",
    "@sveltejs/kit", "@angular/core", "express", "turbo", "projects", "tasks", "a",
]  # fmt: skip
WORDS = [
    "a", "*", "apps/*", "!apps/b", "**/**/{a,b}", "../..", "next start", "vite", "npm run start",
    "npm run build && node .", "serve -s", "cross-env", "A=1", "'", "pnpm@9.0.0+x", "pnpm@", "^20",
    ">= 1e999", "v", "lts/x", "yarn", "\0",
]  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(WORDS)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=12,
)
MANIFESTS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8).map(json.dumps)
CODE = [
    "output: 'export'\n", "outDir: '../x'\n", "root: path.resolve(__dirname, '..', 'a')\n", "/*",
    "// ", "`", "import a from '@astrojs/node'\n", "from '@sveltejs/adapter-auto'", "output: `x${",
    "input: { a: 'a.html', b: 'b.html' }\n", "packages:\n  - '*'\n", "packages: &a [*a]\n", "'9.0'",
    "lockfileVersion: ",
    "__metadata:\n  version: 8\n", "process.env.A\n", '{"tasks": {"build": 1}',
    "const { A, } = process.env\n", "nodejs 20\n", "[tools]\nnode = [1]\n", "20\n", "lts/*\n", "}",
]  # fmt: skip
NODE_FILES = [
    "next.config.js", "vite.config.ts", "astro.config.mjs", "svelte.config.js", "angular.json",
    "pnpm-workspace.yaml", "pnpm-lock.yaml", "yarn.lock", ".yarnrc.yml", "turbo.json", "nx.json",
    "lerna.json", "tsconfig.json", ".nvmrc", ".tool-versions", "mise.toml", "index.html",
    "index.js",
    "src/index.ts", "src/pages/a.astro", "docs/.vitepress/config.ts", "nest-cli.json",
]  # fmt: skip
NODE_TREES = st.dictionaries(
    st.sampled_from(NODE_FILES), st.lists(st.sampled_from(CODE), max_size=6).map("".join)
)


def test_circular_imports_and_classes_are_handled() -> None:
    files = {
        "requirements.txt": "",
        "a.py": "from b import make\nclass C(C): pass\napp = make()\nother = C()",
        "b.py": "from a import make",
    }

    with pytest.raises(DetectionError):
        plan_of(files)


PYTHON_FILES = [
    *TRIGGERS, "Procfile", ".python-version", ".tool-versions", "mise.toml", "runtime.txt",
    "setup.cfg", "__init__.py", ".py", "src/main.py", "app/__init__.py", "pages/x.py", "🏠 x.py",
    "x/__main__.py", "a/manage.py", "a/settings.py", "a/a/wsgi.py", "b/pyproject.toml", "b/main.py",
]  # fmt: skip
PYTHON_SETTINGS = [
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
PYTHON_CODE = [
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
PYTHON_TEXTS = st.lists(
    st.sampled_from([*PYTHON_SETTINGS, *PYTHON_CODE, "\t", "\0", "((", "'''"]), max_size=8
).map("".join)
PYTHON_PATHS = st.one_of(
    st.sampled_from(PYTHON_FILES), st.sampled_from(PYTHON_FILES).map("b/{}".format)
)
PYTHON_TREES = st.dictionaries(PYTHON_PATHS, PYTHON_TEXTS, max_size=8)
DIGITS = "1" * 5_000
VITE = '{"scripts": {"build": "vite build"}, "devDependencies": {"vite": "7"}}'


def require_plan_or_error(files: Files, **overrides: Any) -> None:
    """Require a DetectionError, or a plan that can be explained and turned into an image."""
    tree = MemoryTree(files)
    with suppress(DetectionError):
        plan = detect(tree, BuildOverrides(**overrides))
        explain(plan)
        if overrides.get("packaging") is Packaging.IMAGE and plan.dockerfile is None:
            DockerfileWriter().write(plan, image_recipe(plan, tree))


@given(
    TREES | OTHER_TREES,
    st.sampled_from([None, "python", "static", "go", "rails", "dotnet"]),
    st.sampled_from(Packaging),
)
def test_any_tree(files: Files, framework: str | None, packaging: Packaging) -> None:
    require_plan_or_error(files, framework=framework, packaging=packaging)


@given(MANIFESTS, st.dictionaries(st.sampled_from(["a", "apps/b"]), MANIFESTS), NODE_TREES)
def test_any_node_project_gets_a_plan_or_an_error(
    root: str, members: dict[str, str], files: Files
) -> None:
    inner = {f"{directory}/package.json": text for directory, text in members.items()}

    for root_dir in ("", *members):
        require_plan_or_error({"package.json": root, **inner, **files}, root_dir=root_dir)


@given(
    PYTHON_TREES,
    st.sampled_from([None, "python", "django", "streamlit"]),
    st.sampled_from(["", "b"]),
)
def test_any_python_project_gets_a_plan_or_an_error(
    files: Files, framework: str | None, root_dir: str
) -> None:
    require_plan_or_error(files, framework=framework, root_dir=root_dir)


@pytest.mark.parametrize(
    "files",
    [
        {"go.mod": "\n" * 300_000, "main.go": ""},
        {"go.mod": "a" * 300_000, "main.go": "package main"},
        {"go.work": "use (\n" + "./a " * 100_000, "main.go": ""},
        {"Gemfile": "gem " * 100_000},
        {"Gemfile.lock": " " * 300_000, "Gemfile": "gem 'rails'"},
        {"composer.json": '{"a": "' + '"php" ' * 50_000 + '"}', "index.php": ""},
        {"index.php": "getenv(" * 100_000},
        {"pom.xml": "<java.version>" * 50_000},
        {"a.csproj": "<TargetFramework>" * 50_000 + 'Sdk="Microsoft.NET.Sdk.Web"'},
        {"mix.exs": "app: " * 100_000},
        {"mix.exs": "releases: [" * 50_000},
        {"deno.json": "{}", "main.ts": "export default {" * 50_000},
        {"deno.jsonc": "/*" * 200_000},
        {".tool-versions": "ruby " * 100_000, "Gemfile": "gem 'rails'"},
        *(
            {"package.json": VITE, "index.html": "", **files}
            for files in (
                {"vite.config.ts": "/*" * 200_000},
                {"vite.config.ts": "`" * 200_001},
                {"vite.config.ts": "input: {" * 50_000},
                {"vite.config.ts": "root: " * 100_000},
                {"src/a.ts": "{" * 200_000 + "} = process.env"},
                {"src/a.ts": "process.env." * 80_000},
                {"src/a.ts": "import {" * 100_000},
                {"tsconfig.json": "," + " " * 200_000, "index.ts": ""},
                {"pnpm-workspace.yaml": "[" * 20_000},
                {"pnpm-workspace.yaml": "packages:\n" + "  - a\n" * 4_000},
                {"yarn.lock": "__metadata:\n" * 50_000},
                {".nvmrc": "^" * 100_000},
            )
        ),
    ],
    ids="-".join,
)
def test_huge_files_are_handled(files: Files) -> None:
    """The patterns that search the files take linear time."""
    with limit_processor_time(30), suppress(DetectionError):
        detect(MemoryTree(files), BuildOverrides(packaging=Packaging.IMAGE))


@pytest.mark.parametrize(
    "files",
    [
        *(
            {"requirements.txt": "fastapi", "api.py": source}
            for source in (
                "x" + ".a" * 100_000,
                "-" * 200_000 + "1",
                "(" * 90_000,
                "if a:\n pass\n" + "elif b:\n pass\n" * 2_000,
                "a = " * 50_000 + "1",
                "x = '\\d'\n",
                "\ufeffx = 1",
                "class A(" + "B(" * 90 + ")" * 90 + "): pass",
                "from a import *\n" * 5_000,
            )
        ),
        *(
            {"pyproject.toml": text}
            for text in (
                f"[tool.poetry.dependencies]\npython = '^{DIGITS}'\nfastapi = '~{DIGITS}'",
                f"[project]\nrequires-python = '>={DIGITS}'\ndependencies = ['fastapi']",
                "[tool.poetry.dependencies]\nfastapi = '" + "1 " * 100_000 + "'",
            )
        ),
        {"Pipfile": "[packages]\nfastapi = '" + "^" * 100_000 + "'"},
        {"requirements.txt": "fastapi[" + "a," * 20_000 + "b]"},
        {"requirements.txt": "fastapi ; " + "(" * 5_000},
        {"requirements.txt": "fastapi", ".tool-versions": "python" + " " * 200_000},
    ],
    ids="-".join,
)
def test_application_next_to_hostile_files_is_found(files: Files) -> None:
    assert "fastapi" == plan_of({"main.py": APP, **files}).framework


@pytest.mark.parametrize(
    "irrelevant_files",
    [
        {f"pkg/m{number}.py": "x = 1" for number in range(20_000)},
        {f"pkg/m{number}.py": "x = 1\n" * 26_000 for number in range(5)},
    ],
    ids=["many", "long"],
)
def test_parsed_modules_are_limited(irrelevant_files: dict[str, str]) -> None:
    """The most relevant modules are parsed first, and the plan says that others were skipped."""
    plan = plan_of({**irrelevant_files, "requirements.txt": "fastapi", "main.py": APP})

    assert "fastapi" == plan.framework
    assert "more modules were not analyzed" in plan.rejected[-1].reason
