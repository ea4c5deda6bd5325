"""Each extra installs everything that its packages import."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import requires
from pathlib import Path
from textwrap import dedent

import pytest
from packaging.requirements import Requirement
from tests.packages.conftest import Venv

EXTRAS: Mapping[str, Sequence[str]] = {
    "": ("pushpaka_core.adapters.memory", "pushpaka_core.services", "pushpaka_core.detection"),
    "sql": tuple(f"pushpaka_core.adapters.sql.{it}" for it in ("storage", "migration", "transfer")),
    "postgres": ("asyncpg", "pushpaka_core.adapters.sql"),
    "security": ("pushpaka_core.adapters.security",),
    "process": ("pushpaka_core.adapters.process", "pushpaka_core.adapters.http"),
    "dns": ("pushpaka_core.adapters.dns",),
    "notifications": ("apprise", "pushpaka_core.adapters.apprise"),
    "redis": ("pushpaka_core.adapters.redis",),
    "traefik": ("pushpaka_core.adapters.traefik",),
    "docker": ("pushpaka_core.adapters.docker",),
    "http": ("pushpaka_http.app", "pushpaka_http.controllers", "pushpaka_http.dashboard"),
    "client": ("pushpaka_http.client",),
    "cli": ("pushpaka_http.cli.entry", "pushpaka_http.cli.commands"),
    "keyring": ("keyring",),
    "worker": ("pushpaka_worker", "pushpaka_core.bootstrap", "pushpaka_core.maintenance.instance"),
    "serve": ("pushpaka_http", "pushpaka_worker"),
}
"""For each extra, the packages whose modules can all be imported with that extra alone."""

DEPENDENCIES = {
    *("anyio", "attr", "attrs", "cattr", "cattrs", "idna", "packaging", "semantic_version"),
    *("typing_extensions", "yaml", "_cython_3_3_1", "cython_runtime"),
}

ABSENT = Path(__file__).with_name("absent.py")

MEMORY = dedent(
    """
    import anyio
    from pushpaka_core import Registration, RuntimeChoice, Settings, open_application

    async def main():
        async with open_application(Settings(runtime=RuntimeChoice.MEMORY)) as pushpaka:
            jane = Registration(email="jane@example.com", name="Jane", password="correct horse")
            print((await pushpaka.accounts.register(jane)).user.email)

    anyio.run(main)
    """
)


def test_every_extra_is_tested() -> None:
    """EXTRAS, from which the other tests are generated, lists all extras of the project."""
    declared = {
        str(requirement.marker).partition('"')[2].rstrip('"')
        for requirement in map(Requirement, requires("pushpaka") or ())
        if requirement.marker and "extra" in str(requirement.marker)
    }

    assert declared == set(EXTRAS) - {""}


@pytest.mark.parametrize("extra", EXTRAS)
def test_packages_of_an_extra_can_be_imported_with_it_alone(extra: str, tmp_path: Path) -> None:
    """Importing succeeds although the packages of all other extras are hidden."""
    command = [sys.executable, str(ABSENT), extra, *EXTRAS[extra]]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)

    assert 0 == ended.returncode, ended.stderr
    assert {name.partition(".")[0] for name in EXTRAS[extra]} <= set(ended.stdout.split())


def test_hidden_packages_cannot_be_imported(tmp_path: Path) -> None:
    """If they could be imported, no test would notice that an extra lacks a requirement."""
    command = [sys.executable, str(ABSENT), "sql", "pushpaka_http.app"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)

    assert "ModuleNotFoundError: No module named 'litestar'" in ended.stderr


def test_core_alone_has_few_dependencies(venv_with: Callable[[str], Venv]) -> None:
    """The core can open an instance in memory. `pushpaka` says which extra the CLI needs."""
    venv = venv_with("")

    imported = set(venv.run("python", str(ABSENT), "", *EXTRAS[""]).split())
    email = venv.run("python", "-c", MEMORY)
    refused = venv.run("pushpaka", "--help", exit_code=2)

    assert DEPENDENCIES >= imported - set(sys.stdlib_module_names) - {"pushpaka_core"}
    assert "jane@example.com" == email.strip()
    assert "pip install 'pushpaka[serve]'" in refused


def test_command_of_a_missing_extra_is_explained(venv_with: Callable[[str], Venv]) -> None:
    """With only the extra `cli`, `serve` says what to install, without a traceback."""
    venv = venv_with("cli")

    help_text, refused = venv.run("pushpaka", "--help"), venv.run("pushpaka", "serve", exit_code=2)

    assert "serve" in help_text
    assert "Error: This command needs" in refused
