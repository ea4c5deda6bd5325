"""What the demo is made of: settings of its own, and an application that is always there."""

from pathlib import Path

import click
import pytest

from pushpaka_core.domain.failpoints import Effect, Failpoint
from pushpaka_core.settings import RouterChoice, RuntimeChoice, Settings
from pushpaka_http.cli import examples
from pushpaka_http.cli.demo import settings_of


def test_nothing_that_belongs_to_another_instance_is_touched(tmp_path: Path) -> None:
    """Whatever the operator has set for `serve`, the demo has an instance of its own."""
    given = Settings(
        data_directory=tmp_path / "data",
        database_url="postgresql://db.example.com/pushpaka",
        redis_url="redis://redis.example.com:6379/0",
        runtime=RuntimeChoice.MEMORY,
        router=RouterChoice.NONE,
        host="0.0.0.0",
        router_host="::",
        failpoint=Failpoint(step="build", effect=Effect.KILL),
        concurrency=7,
    )

    settings = settings_of(given, is_once=False)

    assert tmp_path / "pushpaka-demo" == settings.data_directory
    assert f"sqlite:///{tmp_path}/pushpaka-demo/pushpaka.sqlite" == settings.storage_url
    assert (None, None) == (settings.redis_url, settings.failpoint)
    assert RuntimeChoice.PROCESS is settings.runtime
    assert RouterChoice.TRAEFIK is settings.router
    assert not settings.is_exposed
    assert 7 == settings.concurrency


def test_an_installed_package_deploys_a_page_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a checkout there are no example applications, and still something to see."""
    monkeypatch.setattr(examples, "_APPS", tmp_path / "not-there")

    example = examples.example_named(None)
    example.copy_to(tmp_path / "page")

    assert example.is_answer((tmp_path / "page/index.html").read_text(), commit="0" * 40)
    with pytest.raises(click.UsageError, match="in a checkout"):
        examples.example_named("fastapi")
