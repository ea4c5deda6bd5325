"""The Dockerfiles of repositories match the reviewed ones, and pass a linter."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.images.golden import DIRECTORY, REPOSITORIES, current_dockerfile, path_of

from pushpaka_core.detection.languages import LANGUAGES
from pushpaka_core.images.dockerfiles import base_images


@pytest.mark.parametrize("name", REPOSITORIES)
def test_dockerfile_matches_the_reviewed_one(name: str) -> None:
    assert path_of(name).read_text() == current_dockerfile(name)


@pytest.mark.parametrize(
    ("name", "images"),
    [
        ("php-laravel", {"php:8.4-apache", "composer:2"}),
        ("java-gradle", {"eclipse-temurin:21-jdk", "eclipse-temurin:21-jre"}),
        ("static", {"caddy:2"}),
    ],
)
def test_base_images_of_a_dockerfile(name: str, images: set[str]) -> None:
    """Names of stages that the Dockerfile itself defines do not count as base images."""
    assert images == set(base_images(current_dockerfile(name)))


def test_no_other_dockerfile_is_kept() -> None:
    assert sorted(map(path_of, REPOSITORIES)) == sorted(DIRECTORY.iterdir())


def test_every_language_has_a_dockerfile() -> None:
    languages = {language.name for language in LANGUAGES} - {"dockerfile"}

    assert languages == {name.partition("-")[0] for name in REPOSITORIES}


def test_linter_finds_nothing() -> None:
    beside = Path(sys.executable).with_name("hadolint")
    program = beside if beside.exists() else shutil.which("hadolint")
    assert program is not None

    paths = sorted(map(path_of, REPOSITORIES))
    ended = subprocess.run([program, *paths], check=False, capture_output=True, text=True)

    assert ("", "") == (ended.stdout, ended.stderr)
