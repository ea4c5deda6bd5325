"""What each extra brings, where nothing else is installed."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import requires
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
    "cli": ("pushpaka_http.cli.entry", "pushpaka_http.cli.client"),
    "keyring": ("keyring",),
    "worker": ("pushpaka_worker", "pushpaka_core.bootstrap", "pushpaka_core.maintenance"),
    "serve": ("pushpaka_http", "pushpaka_worker"),
}
"""For each extra the packages all of whose modules can be imported with it alone."""

DEPENDENCIES = {
    *("anyio", "attr", "attrs", "cattr", "cattrs", "idna", "packaging", "semantic_version"),
    *("typing_extensions", "yaml", "_cython_3_3_1", "cython_runtime"),
}

IMPORT_ALL = dedent(
    """
    import sys
    from importlib import import_module
    from pkgutil import walk_packages

    known = set(sys.modules)
    for name in sys.argv[1:]:
        package = import_module(name)
        if name.startswith("pushpaka"):
            for found in walk_packages(getattr(package, "__path__", ()), f"{name}."):
                # Programs run when they are imported; Alembic alone imports its scripts.
                if not found.name.endswith("__main__") and ".migrations." not in found.name:
                    import_module(found.name)
    print(*sorted({name.partition(".")[0] for name in set(sys.modules) - known}))
    """
)

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


def test_each_extra_is_tried() -> None:
    """None is added without being asked for what it promises."""
    declared = {
        str(requirement.marker).partition('"')[2].rstrip('"')
        for requirement in map(Requirement, requires("pushpaka") or ())
        if requirement.marker and "extra" in str(requirement.marker)
    }

    assert declared == set(EXTRAS) - {""}


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_an_extra_promises_can_be_imported_with_it_alone(
    extra: str, venv_with: Callable[[str], Venv]
) -> None:
    """Nobody has to guess what else is to be installed."""
    imported = venv_with(extra).run("python", "-c", IMPORT_ALL, *EXTRAS[extra]).split()

    assert {name.partition(".")[0] for name in EXTRAS[extra]} <= set(imported)


def test_the_core_alone_needs_few_others(venv_with: Callable[[str], Venv]) -> None:
    """With it an instance in memory is opened; who wants to command another one is told how."""
    venv = venv_with("")

    imported = set(venv.run("python", "-c", IMPORT_ALL, *EXTRAS[""]).split())
    email = venv.run("python", "-c", MEMORY)
    refused = venv.run("pushpaka", "--help", code=2)

    assert DEPENDENCIES >= imported - set(sys.stdlib_module_names) - {"pushpaka_core"}
    assert "jane@example.com" == email.strip()
    assert "pip install 'pushpaka[serve]'" in refused


def test_an_extra_says_what_another_command_needs(venv_with: Callable[[str], Venv]) -> None:
    """Whoever installed the command line alone is not shown a traceback by the others."""
    venv = venv_with("cli")

    told, refused = venv.run("pushpaka", "--help"), venv.run("pushpaka", "serve", code=2)

    assert "serve" in told
    assert "Error: this command needs" in refused
