"""
The Dockerfiles of typical repositories, kept for review.

`python -m tests.images.golden` writes them again, and `git diff` then shows the changes.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from pushpaka_core.detection import BuildOverrides, MemoryTree, detect
from pushpaka_core.domain.pipeline.build_plans import Packaging
from pushpaka_core.images.dockerfiles import DockerfileWriter
from pushpaka_core.images.languages import image_recipe

DIRECTORY = Path(__file__).with_name("golden")

_POM = """\
<project>
  <parent><groupId>org.springframework.boot</groupId></parent>
  <properties><java.version>17</java.version></properties>
</project>
"""
_SERVER = "require('express')().listen(process.env.PORT)"
_FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
_MIX = """\
defmodule Shop.MixProject do
  def project do
    [
      app: :shop,
      elixir: "~> 1.15",
      aliases: ["assets.deploy": ["esbuild shop --minify", "phx.digest"]],
      deps: [{:phoenix, "~> 1.8"}]
    ]
  end
end
"""
_FRESH = {
    "tasks": {"build": "vite build", "start": "deno serve -A _fresh/server.js"},
    "imports": {"@fresh/core": "jsr:@fresh/core@^2"},
}


def _package(*dependencies: str, **fields: object) -> str:
    return json.dumps({"dependencies": dict.fromkeys(dependencies, "*"), **fields}, indent=2)


_START = {"start": "node server.js"}
_EXPRESS = {"package.json": _package("express", scripts=_START), "server.js": _SERVER}
_PYTHON = {"main.py": _FASTAPI}
_PYPROJECT = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["fastapi", "uvicorn"]\n'
_POETRY = (
    '[tool.poetry]\nname = "shop"\nversion = "1"\npackage-mode = false\n'
    '[tool.poetry.dependencies]\npython = "^3.12"\nfastapi = "*"\nuvicorn = "*"\n'
)
_API = {
    "apps/api/package.json": _package("express", "core", name="api", scripts=_START),
    "apps/api/server.js": _SERVER,
    "packages/core/package.json": _package(name="core", scripts={"build": "tsc"}),
}
_WORKSPACE = _package(workspaces=["apps/*", "packages/*"])
_UV_MEMBER = (
    '[project]\nname = "api"\nversion = "1"\ndependencies = ["core", "fastapi", "uvicorn"]\n'
    "[tool.uv.sources]\ncore = { workspace = true }\n"
)
_LOCKED = '[[package]]\nname = "fastapi"\nversion = "1"\n[[package]]\nname = "uvicorn"\n'

REPOSITORIES: Mapping[str, Mapping[str, str]] = {
    "deno": {"deno.json": "{}", "deno.lock": "{}", "main.ts": "Deno.serve(() => new Response())"},
    "deno-fresh": {"deno.json": json.dumps(_FRESH), ".tool-versions": "deno 2.5.6\n"},
    "dotnet": {
        "Shop.sln": "",
        "src/Shop/Shop.csproj": (
            '<Project Sdk="Microsoft.NET.Sdk.Web">\n'
            "<PropertyGroup><TargetFramework>net9.0</TargetFramework></PropertyGroup>\n</Project>"
        ),
        "nuget.config": "",
    },
    "elixir": {"mix.exs": "  def project, do: [\n    app: :shop,\n  ]\n"},
    "elixir-phoenix": {"mix.exs": _MIX, "mix.lock": "%{}", "config/prod.exs": ""},
    "go": {"go.mod": "module shop\n\ngo 1.22\n", "go.sum": "", "main.go": "package main\n"},
    "go-commands": {
        "go.mod": "module shop\n\ngo 1.25.1\n\nrequire github.com/gin-gonic/gin v1.10.0\n",
        "cmd/api/main.go": "package main\n",
        "cmd/worker/main.go": "package main\n",
        "Procfile": "web: bin/api\nworker: bin/worker\n",
    },
    "go-workspace": {
        "go.work": "go 1.24\n\nuse (\n\t./libs\n\t./web\n)\n",
        "libs/go.mod": "module libs\n",
        "web/go.mod": "module web\n",
        "web/go.sum": "",
        "web/main.go": "package main\n",
    },
    "java-gradle": {
        "build.gradle.kts": 'plugins { id("io.ktor.plugin") }\nkotlin { jvmToolchain(21) }\n',
        "gradlew": "",
    },
    "java-spring": {"pom.xml": _POM},
    "node-bun": {**_EXPRESS, "bun.lock": "{}"},
    "node-next": {
        "package.json": _package("next", "react", scripts={"build": "next build"}),
        "package-lock.json": '{"lockfileVersion": 3}',
    },
    "node-npm": {**_EXPRESS, "package-lock.json": '{"lockfileVersion": 3}', ".nvmrc": "20\n"},
    "node-npm-workspace": {
        **_API,
        "package.json": _WORKSPACE,
        "package-lock.json": '{"lockfileVersion": 3}',
    },
    "node-pnpm": {**_EXPRESS, "pnpm-lock.yaml": "lockfileVersion: '9.0'\n"},
    "node-pnpm-workspace": {
        **_API,
        "package.json": _package(packageManager="pnpm@9.12.0"),
        "pnpm-lock.yaml": "lockfileVersion: '9.0'\n",
        "pnpm-workspace.yaml": "packages: [apps/*, packages/*]\n",
    },
    "node-calls-bun": {
        "package.json": _package("express", scripts={"build": "bun run b.ts", **_START}),
        "package-lock.json": '{"lockfileVersion": 3}',
        "server.js": _SERVER,
    },
    "node-tanstack-start": {
        "package.json": _package("@tanstack/react-start", scripts={"build": "vite build"}),
        "package-lock.json": '{"lockfileVersion": 3}',
        "vite.config.ts": "export default { plugins: [tanstackStart()] }",
    },
    "node-vite": {
        "package.json": _package("vite", "react", scripts={"build": "vite build"}),
        "package-lock.json": '{"lockfileVersion": 3}',
        "index.html": "",
    },
    "node-yarn": {**_EXPRESS, "yarn.lock": "# yarn lockfile v1\n"},
    "node-yarn-workspace": {
        **_API,
        "package.json": _WORKSPACE,
        "yarn.lock": "__metadata:\n  version: 8\n",
    },
    "php": {"index.php": "<?php echo 'Hello';"},
    "php-laravel": {
        "composer.json": '{"require": {"php": "^8.2", "laravel/framework": "^12", "ext-gd": "*"}}',
        "composer.lock": "{}",
        "public/index.php": "",
        "package.json": _package("vite", "laravel-vite-plugin", scripts={"build": "vite build"}),
        "package-lock.json": "{}",
    },
    "php-symfony": {
        "composer.json": '{"require": {"symfony/framework-bundle": "^7"}}',
        "public/index.php": "",
    },
    "python-pdm": {**_PYTHON, "pyproject.toml": _PYPROJECT, "pdm.lock": _LOCKED},
    "python-pip": {**_PYTHON, "requirements.txt": "fastapi\nuvicorn\npsycopg2\n"},
    "python-poetry": {**_PYTHON, "pyproject.toml": _POETRY, "poetry.lock": _LOCKED},
    "python-pipenv": {
        **_PYTHON,
        "Pipfile": '[packages]\nfastapi = "*"\nuvicorn = "*"\n',
        "Pipfile.lock": '{"default": {"fastapi": {}, "uvicorn": {}}}',
    },
    "python-plain": {"app.py": "", "Procfile": "web: exec python3 app.py\n"},
    "python-uv": {
        **_PYTHON,
        "pyproject.toml": f'{_PYPROJECT}requires-python = ">=3.12"\n',
        "uv.lock": f"version = 1\n{_LOCKED}",
    },
    "python-uv-workspace": {
        "apps/api/main.py": _FASTAPI,
        "apps/api/pyproject.toml": _UV_MEMBER,
        "libs/core/pyproject.toml": '[project]\nname = "core"\nversion = "1"\n',
        "pyproject.toml": '[tool.uv.workspace]\nmembers = ["apps/*", "libs/*"]\n',
        "uv.lock": f"version = 1\n{_LOCKED}",
    },
    "ruby-rails": {
        "Gemfile": 'source "https://rubygems.org"\ngem "rails"\ngem "pg"\ngem "propshaft"\n',
        "Gemfile.lock": "GEM\n  specs:\n    rails (8.0.1)\n",
        ".ruby-version": "3.4.1\n",
        "config.ru": "",
    },
    "ruby-sinatra": {"Gemfile": 'gem "sinatra"\ngem "puma"\n', "config.ru": "run App"},
    "rust": {
        "Cargo.toml": '[package]\nname = "shop"\n\n[dependencies]\naxum = "0.8"\n',
        "Cargo.lock": "",
        "src/main.rs": "fn main() {}",
        "rust-toolchain.toml": '[toolchain]\nchannel = "1.88.0"\n',
    },
    "rust-workspace": {
        "Cargo.toml": '[workspace]\nmembers = ["crates/*"]\n',
        "Cargo.lock": "",
        "crates/api/Cargo.toml": '[package]\nname = "api"\n\n[dependencies]\naxum = "0.8"\n',
        "crates/api/src/main.rs": "fn main() {}",
        "crates/core/Cargo.toml": '[package]\nname = "core"\n',
        "crates/core/src/lib.rs": "",
    },
    "shell": {"start.sh": "exec nc -l $PORT"},
    "static": {"public/index.html": ""},
    "static-worker": {"public/index.html": "", "Procfile": "worker: sh work.sh\n"},
}
"""The files of small repositories, by name."""
ROOT_DIRS = {"go-workspace": "web", "python-uv-workspace": "apps/api"}
"""The application's directory, for repositories in which Pushpaka cannot determine it."""


def current_dockerfile(name: str) -> str:
    """Return the Dockerfile that Pushpaka currently generates for the repository *name*."""
    tree = MemoryTree(REPOSITORIES[name])
    build_overrides = BuildOverrides(packaging=Packaging.IMAGE, root_dir=ROOT_DIRS.get(name, ""))
    plan = detect(tree, build_overrides)
    return DockerfileWriter().write(plan, image_recipe(plan, tree))


def path_of(name: str) -> Path:
    """Return the path of the reviewed Dockerfile for the repository *name*."""
    return DIRECTORY / f"{name}.Dockerfile"


def main() -> None:
    """Replace all reviewed Dockerfiles with the current ones."""
    for name in REPOSITORIES:
        path_of(name).write_text(current_dockerfile(name))


if __name__ == "__main__":
    main()
