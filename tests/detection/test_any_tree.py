"""Whatever is in a repository, there is a plan or a sentence."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushpaka_core.detection import MemoryTree, Wishes, detect, explain
from pushpaka_core.detection.languages import LANGUAGES
from pushpaka_core.domain.build_plans import Packaging
from pushpaka_core.errors import DetectionError
from pushpaka_core.images.dockerfiles import DockerfileWriter
from pushpaka_core.images.languages import recipe_of

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
TOML = [
    "[commands]\n", "[static]\n", "[processes]\n", "[[env]]\n", "[health_check]\n", "start = ",
    "'x'\n", "directory = 'dist'\n", "fallback = ", "port = ", "1e999\n", "-0\n", "nan\n", "true\n",
    "[[[]]]\n", "required = ['A', 'b c']\n", "build = [\n'a', # b = 1\n]\n", "{ a = { b = 1 } }\n",
    "static.directory = ", "'..'\n", "''\n", "worker = 'x'\n", "'a.b' . \"c\" = 1\n",
    "1979-05-27\n",
    '"""\nport = 1\n"""\n',
]  # fmt: skip
REPOSITORY_FILES = st.lists(st.sampled_from(TOML), max_size=12).map("".join)
PATHS = st.one_of(st.sampled_from(NAMES), st.text(min_size=1, max_size=20))


@contextmanager
def fail_after_seconds(seconds: float) -> Iterator[None]:
    """Fail where what is inside took a processor too long: nothing can end it from outside."""
    began = process_time()
    yield
    assert process_time() - began < seconds


@given(
    st.dictionaries(PATHS, TEXTS, max_size=6),
    st.sampled_from([None, "python", "static", "go", "rails", "dotnet"]),
    st.sampled_from(Packaging),
)
def test_any_tree_is_survived(
    files: dict[str, str], framework: str | None, packaging: Packaging
) -> None:
    """Nothing but DetectionError is raised, and every plan can be told and made an image of."""
    tree = MemoryTree(files)

    with suppress(DetectionError):
        plan = detect(tree, Wishes(framework=framework, packaging=packaging))
        explain(plan)
        if plan.dockerfile is None:
            DockerfileWriter().write(plan, recipe_of(plan, tree))


OTHER_FILES = [
    "go.mod", "go.work", "main.go", "cmd/a/main.go", "Cargo.toml", "src/main.rs", "a/Cargo.toml",
    "rust-toolchain", "Gemfile", "Gemfile.lock", "config.ru", "composer.json", "public/index.php",
    "pom.xml", "build.gradle", "a.csproj", "global.json", "mix.exs", "mix.lock", "deno.jsonc",
    "main.ts", ".tool-versions", "mise.toml", "package.json", ".ruby-version", "Procfile",
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


@given(
    st.dictionaries(
        st.sampled_from(OTHER_FILES),
        st.lists(st.sampled_from(OTHER_TEXTS), max_size=6).map("".join),
        max_size=6,
    )
)
def test_any_tree_of_other_languages_is_survived(files: dict[str, str]) -> None:
    """Whatever their files hold, there is an image to be made or a sentence."""
    tree = MemoryTree(files)

    with suppress(DetectionError):
        plan = detect(tree, Wishes(packaging=Packaging.IMAGE))
        explain(plan)
        DockerfileWriter().write(plan, recipe_of(plan, tree))


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
    ],
    ids="-".join,
)
def test_monstrous_files_of_other_languages_are_survived(files: dict[str, str]) -> None:
    """No pattern takes long over what nobody writes."""
    with fail_after_seconds(5), suppress(DetectionError):
        detect(MemoryTree(files), Wishes(packaging=Packaging.IMAGE))


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


@given(MANIFESTS, st.dictionaries(st.sampled_from(["a", "apps/b"]), MANIFESTS), NODE_TREES)
def test_any_node_project_is_survived(
    root: str, members: dict[str, str], files: dict[str, str]
) -> None:
    """Whatever JSON, YAML and JavaScript hold, nothing but DetectionError is raised."""
    inner = {f"{directory}/package.json": text for directory, text in members.items()}
    tree = MemoryTree({"package.json": root, **inner, **files})

    for root_dir in ("", *members):
        with suppress(DetectionError):
            explain(detect(tree, Wishes(root_dir=root_dir)))


@pytest.mark.parametrize(
    "files",
    [
        {"vite.config.ts": "/*" * 200_000},
        {"vite.config.ts": "`" * 200_001},
        {"vite.config.ts": "input: {" * 50_000},
        {"vite.config.ts": "root: " * 100_000},
        {"src/a.ts": "{" * 200_000 + "} = process.env"},
        {"src/a.ts": "process.env." * 80_000},
        {"src/a.ts": "import {" * 100_000},
        {"tsconfig.json": "," + " " * 200_000, "index.ts": ""},
        {"pnpm-workspace.yaml": "[" * 50_000},
        {"pnpm-workspace.yaml": "packages:\n" + "  - a\n" * 10_000},
        {"yarn.lock": "__metadata:\n" * 50_000},
        {".nvmrc": "^" * 100_000},
    ],
    ids="-".join,
)
def test_monstrous_node_files_are_survived(files: dict[str, str]) -> None:
    """What no tool would like is read in a moment, or said to be broken."""
    manifest = '{"scripts": {"build": "vite build"}, "devDependencies": {"vite": "7"}}'

    with fail_after_seconds(5), suppress(DetectionError):
        detect(MemoryTree({"package.json": manifest, "index.html": "", **files}), Wishes())


@given(REPOSITORY_FILES, st.sampled_from([{}, {"index.html": ""}, {"Procfile": "web: x"}]))
def test_any_repository_file_is_survived(text: str, files: dict[str, str]) -> None:
    """A pushpaka.toml that says nothing sensible is told so, and never our fault."""
    with suppress(DetectionError):
        explain(detect(MemoryTree({**files, "pushpaka.toml": text}), Wishes()))


@pytest.mark.parametrize(
    "source",
    [
        "x" + ".a" * 100_000,
        "-" * 200_000 + "1",
        "(" * 90_000,
        "if a:\n pass\n" + "elif b:\n pass\n" * 2_000,
        "a = " * 50_000 + "1",
        "x = '\\d'\n",
        "\ufeffx = 1",
        "class A(" + "B(" * 90 + ")" * 90 + "): pass",
    ],
)
def test_monstrous_source_is_survived(source: str) -> None:
    """Source that no parser likes is passed over or read; the application beside it is found."""
    app = "from fastapi import FastAPI\napp = FastAPI()"

    plan = detect(
        MemoryTree({"requirements.txt": "fastapi", "main.py": app, "api.py": source}), Wishes()
    )

    assert "fastapi" == plan.framework


def test_circular_imports_and_classes_end() -> None:
    """Names that lead to each other lead nowhere."""
    files = {
        "requirements.txt": "",
        "a.py": "from b import make\nclass C(C): pass\napp = make()\nother = C()",
        "b.py": "from a import make",
    }

    with pytest.raises(DetectionError):
        detect(MemoryTree(files), Wishes())


def test_many_files_are_looked_at_quickly() -> None:
    """Only so many modules are parsed, the likeliest first."""
    noise = {f"pkg/m{number}.py": "x = 1" for number in range(50_000)}
    app = "from fastapi import FastAPI\napp = FastAPI()"

    plan = detect(
        MemoryTree({**noise, "requirements.txt": "fastapi", "pkg/main.py": app}), Wishes()
    )

    assert "fastapi" == plan.framework
