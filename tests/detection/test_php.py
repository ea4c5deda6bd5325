"""What of a PHP application is served."""

import pytest
from tests.detection.image_trees import image_plan
from tests.detection.node_trees import commands, reasons, web

from pushpaka_core.errors import DetectionError

COMPOSER = "composer install --no-dev --no-interaction --no-progress --optimize-autoloader"


def test_plain_index_is_served() -> None:
    """Nothing is installed where there is no list."""
    plan = image_plan({"index.php": "<?php"})

    assert ([], "exec apache2-foreground") == (commands(plan), web(plan))
    assert ["index.php answers requests (index.php:None)"] == reasons(plan)


def test_public_directory_comes_first() -> None:
    """The files above it are not for everybody."""
    plan = image_plan({"composer.json": "{}", "public/index.php": "", "index.php": ""})

    assert [COMPOSER] == commands(plan)
    assert "public/index.php answers requests (public/index.php:None)" in reasons(plan)


def test_laravel_builds_its_assets() -> None:
    """What it requires says that it is one, and for which version."""
    files = {
        "composer.json": '{"require": {\n"php": "^8.2",\n"laravel/framework": "^12"}}',
        "public/index.php": "",
        "artisan": "",
        "package.json": '{"scripts": {"build": "vite build"}, "devDependencies": {"vite": "^7"}}',
        "package-lock.json": "{}",
    }

    plan = image_plan(files)

    assert ("laravel", "php", "^8.2") == (plan.framework, plan.language, plan.language_version)
    assert [
        COMPOSER,
        "npm ci",
        "npm run build",
    ] == commands(plan)
    assert "exec apache2-foreground" == web(plan)
    assert "laravel/framework is required (composer.json:3)" in reasons(plan)


def test_symfony_is_warmed_up() -> None:
    """It cannot write its cache once it runs."""
    files = {"composer.json": '{"require": {"symfony/framework-bundle": "7"}}'}

    plan = image_plan({**files, "public/index.php": ""})

    assert "symfony" == plan.framework
    assert "php bin/console cache:warmup --env=prod --no-debug" == commands(plan)[-1]


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({".php-version": "8.3\n", ".tool-versions": "php 8.2.1"}, "8.3"),
        ({".tool-versions": "nodejs 22\nphp 8.2.1\n"}, "8.2.1"),
        ({"mise.toml": '[tools]\nphp = "8.1"'}, "8.1"),
    ],
)
def test_version_is_said_by_files(files: dict[str, str], version: str) -> None:
    """The most exact one wins."""
    assert version == image_plan({**files, "index.php": ""}).language_version


def test_library_is_told_from_an_application() -> None:
    """The places that were looked at are named."""
    with pytest.raises(DetectionError, match=r"no index\.php \(looked for public/index\.php"):
        image_plan({"composer.json": "{}", "src/Shop.php": ""})


def test_env_vars_that_are_read_are_named() -> None:
    """By PHP's own call, and by that of Laravel."""
    code = "<?php getenv('A_KEY'); env(\"B_KEY\"); $_ENV['C_KEY']; $_SERVER['PORT'];"

    assert ("A_KEY", "B_KEY", "C_KEY") == image_plan({"index.php": code}).env_names
