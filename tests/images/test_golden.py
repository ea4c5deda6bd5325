"""The Dockerfiles that repositories get are as a person has seen them, and to a linter's taste."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.images.golden import DIRECTORY, REPOSITORIES, path_of, written

from pushpaka_core.detection.languages import LANGUAGES
from pushpaka_core.images.dockerfiles import images_of


@pytest.mark.parametrize("name", REPOSITORIES)
def test_dockerfile_is_as_it_was_seen(name: str) -> None:
    """A change of the writer shows what it changes."""
    assert path_of(name).read_text() == written(name)


@pytest.mark.parametrize(
    ("name", "images"),
    [
        ("php-laravel", {"php:8.4-apache", "composer:2"}),
        ("java-gradle", {"eclipse-temurin:21-jdk", "eclipse-temurin:21-jre"}),
        ("static", {"caddy:2"}),
    ],
)
def test_images_that_it_stands_on_are_known(name: str, images: set[str]) -> None:
    """Without its own stages, so that they can be fetched first."""
    assert images == set(images_of(written(name)))


def test_no_other_dockerfile_is_kept() -> None:
    """What nothing generates any more is gone."""
    assert sorted(map(path_of, REPOSITORIES)) == sorted(DIRECTORY.iterdir())


def test_every_language_has_one() -> None:
    """A Dockerfile that nobody has seen is written for none."""
    languages = {language.name for language in LANGUAGES} - {"dockerfile"}

    assert languages == {name.partition("-")[0] for name in REPOSITORIES}


def test_linter_has_nothing_to_say() -> None:
    """Neither errors nor warnings, nor advice."""
    beside = Path(sys.executable).with_name("hadolint")
    program = beside if beside.exists() else shutil.which("hadolint")
    assert program is not None

    paths = sorted(map(path_of, REPOSITORIES))
    ended = subprocess.run([program, *paths], check=False, capture_output=True, text=True)

    assert ("", "") == (ended.stdout, ended.stderr)
