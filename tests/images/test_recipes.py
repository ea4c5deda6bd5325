"""The base images of a plan, and the files that are copied from the build stage."""

import pytest
from tests.detection.plans import plan_of

from pushpaka_core.detection import MemoryTree
from pushpaka_core.images.dockerfiles import DockerfileWriter
from pushpaka_core.images.languages import image_recipe

GO = {"main.go": "package main"}
SPRING = "org.springframework.boot"
RAILS = "gem 'rails'\n"


def dockerfile(files: dict[str, str], *, root_dir: str = "", prefix: str = "") -> str:
    plan = plan_of(files, image=True, root_dir=root_dir)
    return DockerfileWriter(prefix=prefix).write(plan, image_recipe(plan, MemoryTree(files)))


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
def test_version_selects_the_base_image(files: dict[str, str], base: str) -> None:
    assert dockerfile(files).startswith(f"FROM {base}")


def test_prefix_is_added_to_every_image() -> None:
    """The prefix is added to images in `FROM` and in `COPY --from`."""
    files = {"composer.json": "{}", "index.php": ""}
    php, java = (
        dockerfile(files, prefix="mirror.example/"),
        dockerfile({"pom.xml": SPRING}, prefix="mirror.example/"),
    )

    assert "FROM mirror.example/php:8.4-apache AS base" in php
    assert "COPY --from=mirror.example/composer:2 " in php
    assert "FROM mirror.example/eclipse-temurin:21-jre\n" in java


def test_application_directory_is_respected() -> None:
    text = dockerfile({"shop/Gemfile": RAILS, "shop/config.ru": ""}, root_dir="shop")

    assert 'COPY ["shop/Gemfile", "/app/shop/"]' in text
    assert "WORKDIR /app/shop\nUSER" in text


def test_system_packages_include_those_of_other_members() -> None:
    """The workspace's lock file, which is installed, lists the dependencies of all members."""
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
    ("manifest", "lock", "local_dependency"),
    [
        ("pyproject.toml", "poetry.lock", 'type = "directory"'),
        ("pyproject.toml", "pdm.lock", 'path = "./core"'),
        ("Pipfile", "Pipfile.lock", '{"default": {"core": {"path": "./core"}}}'),
    ],
)
def test_packages_that_need_sources_are_installed_after_copying(
    manifest: str, lock: str, local_dependency: str
) -> None:
    project = '[project]\nname = "shop"\nversion = "1"\n[tool.poetry]\npackage-mode = false\n'
    files = {"main.py": "from flask import Flask\napp = Flask(__name__)\n", manifest: project}

    before = dockerfile({**files, lock: "{}" if lock.startswith("Pip") else ""})
    after = dockerfile({**files, lock: local_dependency})

    assert f'COPY ["{manifest}", "{lock}", "/app/"]' in before
    assert f'COPY ["{manifest}"' not in after


def test_only_generated_commands_change_the_directory() -> None:
    """Generated commands use WORKDIR. Commands in pushpaka.toml are not changed."""
    api = {"apps/api/package.json": '{"scripts": {"start": "node .", "build": "tsc"}}'}
    files = {"package.json": '{"workspaces": ["apps/*"]}', "package-lock.json": "{}", **api}
    theirs = {"pushpaka.toml": 'commands.build = "cd web && make"'}

    ours, given = dockerfile(files, root_dir="apps/api"), dockerfile({**files, **theirs})

    assert "WORKDIR /app\nRUN" in ours
    assert "cd .." not in ours
    assert "; cd web && make\n" in given


def test_all_files_are_kept_without_a_known_command() -> None:
    ours = dockerfile({"pom.xml": SPRING})
    theirs = dockerfile({"pom.xml": SPRING, "Procfile": "web: java -jar target/a.jar"})

    assert "COPY --from=build /app/_built /app/_built" in ours
    assert "COPY --from=build /app /app" in theirs


def test_gems_determine_the_system_packages() -> None:
    """Libraries are in the final image. Their headers are only in the build stage."""
    text = dockerfile({"Gemfile": f"{RAILS}gem 'pg'\n"})

    base, _, build = text.partition("FROM base AS build")
    assert "libpq5" in base
    assert "libpq-dev" not in base
    assert "libpq-dev" in build


def test_image_has_the_package_manager_that_a_script_calls() -> None:
    files = {"Gemfile": RAILS, "package.json": '{"scripts": {"build": "bun run a.ts"}}'}

    text = dockerfile(files)

    assert "AS build" in text.split("npm install --global bun@1", maxsplit=1)[0]
