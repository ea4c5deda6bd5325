"""Tests how the first start chooses the runtime."""

import json
from pathlib import Path

import pytest
from attrs import evolve

from pushpaka_core.bootstrap.runtimes import (
    FindObstacle,
    RuntimeSelection,
    known_runtime,
    select_runtime,
)
from pushpaka_core.errors import SettingsError
from pushpaka_core.settings.settings import RuntimeChoice, Settings

pytestmark = pytest.mark.anyio

DOCKER, PROCESS = RuntimeChoice.DOCKER, RuntimeChoice.PROCESS


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_directory=tmp_path)


def _probe(*answers: str | None) -> FindObstacle:
    """Return a probe that returns *results* one after another."""
    waiting = iter(answers)

    async def ask(_: Settings) -> str | None:
        return next(waiting)

    return ask


def _choice_file(settings: Settings) -> Path:
    return settings.data_directory / "runtime.json"


async def _start(settings: Settings, probe: FindObstacle) -> RuntimeSelection:
    chosen = await select_runtime(settings, find_obstacle=probe)
    await chosen.store(settings.data_directory)
    return chosen


@pytest.mark.parametrize(
    ("missing", "runtime", "reason"),
    [
        (
            None,
            DOCKER,
            "a Docker Engine responded at unix:///var/run/docker.sock at the first start",
        ),
        ("there was no docker command", PROCESS, "at the first start there was no docker command"),
    ],
)
async def test_first_start_chooses_the_runtime_for_later_starts(
    settings: Settings, missing: str | None, runtime: RuntimeChoice, reason: str
) -> None:
    """The reason is stored as well, and later starts do not probe again."""
    first = await _start(settings, _probe(missing))
    second = await _start(settings, _probe())

    kept = json.loads(_choice_file(settings).read_text())
    assert (runtime, reason) == (first.runtime, first.reason)
    assert (runtime, reason) == (second.runtime, second.reason)
    assert {"runtime": runtime, "reason": reason} == kept


@pytest.mark.parametrize("runtime", [DOCKER, PROCESS, RuntimeChoice.MEMORY])
async def test_setting_overrides_the_choice_and_is_not_stored(
    settings: Settings, runtime: RuntimeChoice
) -> None:
    """PUSHPAKA_RUNTIME takes precedence both before and after the first choice."""
    named = evolve(settings, runtime=runtime)

    before = await _start(named, _probe())
    is_kept = _choice_file(settings).exists()
    chosen = await _start(settings, _probe(None))
    after = await _start(named, _probe())
    again = await _start(settings, _probe())

    assert (runtime, False) == (before.runtime, is_kept)
    assert [DOCKER, runtime, DOCKER] == [chosen.runtime, after.runtime, again.runtime]


async def test_releases_of_earlier_versions_choose_processes(settings: Settings) -> None:
    """The stored choice remains even if the releases are removed."""
    release = settings.data_directory / "releases" / "of an earlier version"
    release.mkdir(parents=True)

    first = await _start(settings, _probe())
    release.rmdir()
    second = await _start(settings, _probe())

    assert [PROCESS, PROCESS] == [first.runtime, second.runtime]
    assert "applications of this instance were built for it" == second.reason


def test_reading_the_choice_stores_nothing(settings: Settings) -> None:
    """The data directory does not even have to exist."""
    nowhere = evolve(settings, data_directory=settings.data_directory / "missing")

    assert known_runtime(settings) is None
    assert known_runtime(nowhere) is None
    assert [] == list(settings.data_directory.iterdir())


async def test_concurrent_starts_make_the_same_choice(settings: Settings) -> None:
    """If a second process chose differently, it has to be started again."""
    first = await select_runtime(settings, find_obstacle=_probe(None))
    same = await select_runtime(settings, find_obstacle=_probe(None))
    other = await select_runtime(settings, find_obstacle=_probe("there was no docker command"))
    await first.store(settings.data_directory)

    await same.store(settings.data_directory)
    with pytest.raises(SettingsError, match="Start Pushpaka again"):
        await other.store(settings.data_directory)

    assert DOCKER is (await select_runtime(settings, find_obstacle=_probe())).runtime


@pytest.mark.parametrize("text", ["", "{}", '{"runtime": "swarm", "reason": ""}', "[]"])
async def test_damaged_choice_is_reported(settings: Settings, text: str) -> None:
    """PUSHPAKA_RUNTIME takes precedence over a damaged choice."""
    _choice_file(settings).write_text(text)

    with pytest.raises(SettingsError, match=r"runtime.json cannot be read or is damaged"):
        await select_runtime(settings, find_obstacle=_probe())

    named = evolve(settings, runtime=PROCESS)
    assert PROCESS is (await select_runtime(named, find_obstacle=_probe())).runtime
