"""Which images a plan stands on, and what of a build goes along."""

import pytest
from tests.detection.image_trees import image_plan

from pushpaka_core.detection import MemoryTree
from pushpaka_core.images.dockerfiles import DockerfileWriter
from pushpaka_core.images.languages import recipe_of

GO = {"main.go": "package main"}
SPRING = "org.springframework.boot"
RAILS = "gem 'rails'\n"


def dockerfile(files: dict[str, str], *, root_dir: str = "", prefix: str = "") -> str:
    plan = image_plan(files, root_dir=root_dir)
    return DockerfileWriter(prefix=prefix).write(plan, recipe_of(plan, MemoryTree(files)))


@pytest.mark.parametrize(
    ("files", "base"),
    [
        ({**GO, "go.mod": "go 1.18"}, "golang:1.24"),
        ({**GO, "go.mod": "go 1.26.2"}, "golang:1.26"),
        ({**GO, "go.mod": "go 1.22\ntoolchain go1.25.1"}, "golang:1.25"),
        ({"Gemfile": RAILS}, "ruby:3.4-slim"),
        ({"Gemfile": f"ruby '~> 3.3.0'\n{RAILS}"}, "ruby:3.3-slim"),
        ({"Gemfile": f"ruby '>= 3.1'\n{RAILS}"}, "ruby:3.4-slim"),
        ({"Gemfile": RAILS, ".ruby-version": "ruby-3.3.6"}, "ruby:3.3.6-slim"),
        ({"index.php": ""}, "php:8.4-apache"),
        ({"index.php": "", "composer.json": '{"require": {"php": "~8.2.0"}}'}, "php:8.2-apache"),
        ({"index.php": "", "composer.json": '{"require": {"php": "^7.4 | ^8.0"}}'}, "php:8.4"),
        ({"index.php": "", ".php-version": "8.3"}, "php:8.3-apache"),
        ({"pom.xml": f"{SPRING}<java.version>1.8<"}, "maven:3-eclipse-temurin-8 "),
        ({"pom.xml": SPRING, ".java-version": "temurin-17.0.9+9"}, "maven:3-eclipse-temurin-17 "),
        ({"build.gradle": SPRING}, "gradle:8-jdk21"),
        ({"build.gradle": SPRING, "gradlew": ""}, "eclipse-temurin:21-jdk"),
        ({"mix.exs": '  app: :shop,\n  elixir: "~> 1.14",\n'}, "elixir:1.18-slim"),
        ({"mix.exs": "  app: :shop,\n", ".tool-versions": "elixir 1.17.3-otp-27"}, "elixir:1.17"),
        ({"deno.json": "{}", "main.ts": ""}, "denoland/deno:debian "),
        ({"deno.json": "{}", "main.ts": "", ".dvmrc": "2.4.1"}, "denoland/deno:debian-2.4.1 "),
    ],
)
def test_version_leads_to_an_image(files: dict[str, str], base: str) -> None:
    """What asks for at least some version gets the usual one, what names one gets that."""
    assert dockerfile(files).startswith(f"FROM {base}")


def test_prefix_stands_before_every_image() -> None:
    """All of them come from the same mirror, those that a program is copied from included."""
    files = {"composer.json": "{}", "index.php": ""}
    php, java = (
        dockerfile(files, prefix="mirror.example/"),
        dockerfile({"pom.xml": SPRING}, prefix="mirror.example/"),
    )

    assert "FROM mirror.example/php:8.4-apache AS base" in php
    assert "COPY --from=mirror.example/composer:2 " in php
    assert "FROM mirror.example/eclipse-temurin:21-jre\n" in java


def test_directory_of_an_application_is_kept_in_mind() -> None:
    """Manifests, sources and outputs lie where its commands run."""
    text = dockerfile({"shop/Gemfile": RAILS, "shop/config.ru": ""}, root_dir="shop")

    assert 'COPY ["shop/Gemfile", "/app/shop/"]' in text
    assert "WORKDIR /app/shop\nUSER" in text


def test_system_packages_follow_from_what_other_members_need() -> None:
    """They are known from the lock file of the workspace."""
    member = (
        '[project]\nname = "api"\nversion = "1"\ndependencies = ["core", "flask"]\n'
        "[tool.uv.sources]\ncore = { workspace = true }\n"
    )
    files = {
        "pyproject.toml": '[tool.uv.workspace]\nmembers = ["api", "core"]\n',
        "uv.lock": 'version = 1\n[[package]]\nname = "psycopg2"\n',
        "api/pyproject.toml": member,
        "api/main.py": "from flask import Flask\napp = Flask(__name__)\n",
        "core/pyproject.toml": '[project]\nname = "core"\nversion = "1"\n',
    }

    assert " libpq5 " in dockerfile(files, root_dir="api")


@pytest.mark.parametrize(
    ("manifest", "lock", "names_a_file"),
    [
        ("pyproject.toml", "poetry.lock", 'type = "directory"'),
        ("pyproject.toml", "pdm.lock", 'path = "./core"'),
        ("Pipfile", "Pipfile.lock", '{"default": {"core": {"path": "./core"}}}'),
    ],
)
def test_what_needs_the_sources_is_installed_after_them(
    manifest: str, lock: str, names_a_file: str
) -> None:
    """A package of the repository is not there before they are."""
    project = '[project]\nname = "shop"\nversion = "1"\n[tool.poetry]\npackage-mode = false\n'
    files = {"main.py": "from flask import Flask\napp = Flask(__name__)\n", manifest: project}

    before = dockerfile({**files, lock: "{}" if lock.startswith("Pip") else ""})
    after = dockerfile({**files, lock: names_a_file})

    assert f'COPY ["{manifest}", "{lock}", "/app/"]' in before
    assert f'COPY ["{manifest}"' not in after


def test_only_own_commands_get_another_directory() -> None:
    """What an owner wrote is run as it is written, to its mistakes."""
    api = {"apps/api/package.json": '{"scripts": {"start": "node .", "build": "tsc"}}'}
    files = {"package.json": '{"workspaces": ["apps/*"]}', "package-lock.json": "{}", **api}
    theirs = {"pushpaka.toml": 'commands.build = "cd web && make"'}

    ours, given = dockerfile(files, root_dir="apps/api"), dockerfile({**files, **theirs})

    assert "WORKDIR /app\nRUN" in ours
    assert "cd .." not in ours
    assert "; cd web && make\n" in given


def test_all_is_kept_where_somebody_else_says_what_runs() -> None:
    """Only what our own commands need is known."""
    ours = dockerfile({"pom.xml": SPRING})
    theirs = dockerfile({"pom.xml": SPRING, "Procfile": "web: java -jar target/a.jar"})

    assert "COPY --from=build /app/_built /app/_built" in ours
    assert "COPY --from=build /app /app" in theirs


def test_system_packages_follow_from_gems() -> None:
    """What compiles them is not in the image that runs."""
    text = dockerfile({"Gemfile": f"{RAILS}gem 'pg'\n"})

    base, _, build = text.partition("FROM base AS build")
    assert "libpq5" in base
    assert "libpq-dev" not in base
    assert "libpq-dev" in build
