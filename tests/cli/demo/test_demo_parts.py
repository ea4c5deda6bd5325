"""Tests the settings and the application of the demo."""

from pathlib import Path

import click
import pytest

from pushpaka_core.domain.platform.failpoints import Fault, InjectedFault
from pushpaka_core.settings.settings import RouterChoice, RuntimeChoice, Settings
from pushpaka_http.cli.commands.operator.demo import demo_settings
from pushpaka_http.cli.demo import examples


def test_demo_uses_its_own_instance(tmp_path: Path) -> None:
    """Settings that an operator made for `serve` do not redirect the demo to another instance."""
    given = Settings(
        data_directory=tmp_path / "data",
        database_url="postgresql://db.example.com/pushpaka",
        redis_url="redis://redis.example.com:6379/0",
        runtime=RuntimeChoice.MEMORY,
        router=RouterChoice.NONE,
        host="0.0.0.0",
        router_host="::",
        failpoint=InjectedFault(step="build", fault=Fault.KILL),
        concurrency=7,
    )

    settings = demo_settings(given, is_once=False)

    assert tmp_path / "pushpaka-demo" == settings.data_directory
    assert f"sqlite:///{tmp_path}/pushpaka-demo/pushpaka.sqlite" == settings.storage_url
    assert (None, None) == (settings.redis_url, settings.failpoint)
    assert RuntimeChoice.PROCESS is settings.runtime
    assert RouterChoice.TRAEFIK is settings.router
    assert not settings.is_exposed
    assert 7 == settings.concurrency


def test_an_installed_package_deploys_a_built_in_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a checkout of the source code has the example applications."""
    monkeypatch.setattr(examples, "_APPS", tmp_path / "not-there")

    example = examples.find_example(None)
    example.copy_to(tmp_path / "page")

    assert example.is_expected_response((tmp_path / "page/index.html").read_text(), commit="0" * 40)
    with pytest.raises(click.UsageError, match="in a checkout"):
        examples.find_example("fastapi")
