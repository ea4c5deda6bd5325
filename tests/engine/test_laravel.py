"""Laravel writes to its storage, whatever process of it runs."""

import json
from pathlib import Path

import pytest
from tests.engine.deployed import deployed

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker"), pytest.mark.timeout(600)]

_COMPOSER = {
    "name": "shop/shop",
    "require": {"php": "^8.2", "laravel/framework": "*"},
    "repositories": [{"packagist.org": False}, {"type": "path", "url": "framework"}],
}
_FRAMEWORK = {
    "name": "laravel/framework",
    "version": "12.0.0",
    "autoload": {"files": ["storage.php"]},
}
_STORAGE = """\
<?php
function kept(string $text): string {
    $storage = getcwd() . '/storage';
    file_put_contents("$storage/framework/views/page", $text) === strlen($text) or exit(3);
    return file_get_contents("$storage/framework/views/page") . ' of '
        . file_get_contents("$storage/app/brought");
}
"""
_PROCFILE = """\
release: php work.php release
worker: php work.php worker
"""
FILES = {
    "Procfile": _PROCFILE,
    "composer.json": json.dumps(_COMPOSER),
    "framework/composer.json": json.dumps(_FRAMEWORK),
    "framework/storage.php": _STORAGE,
    "public/index.php": "<?php chdir('..'); require 'vendor/autoload.php'; echo kept('web');",
    "storage/app/brought": "the repository",
    "storage/framework/views/.gitignore": "*",
    "work.php": "<?php require 'vendor/autoload.php'; echo kept($argv[1]);",
}
"""As much of Laravel as it takes: its name, and where it writes."""


async def test_every_process_writes_to_the_storage(tmp_path: Path) -> None:
    """It begins as the repository has it, and each has one of its own."""
    bases = ("php:8.4-apache", "composer:2")

    async with deployed(tmp_path, bases, FILES) as application:
        answer = await application.answer()
        ended = [await application.run(process) for process in ("release", "worker")]

    assert "web of the repository" == answer
    said = [(ending.code, output) for ending, output in ended]
    assert [(0, f"{process} of the repository") for process in ("release", "worker")] == said
