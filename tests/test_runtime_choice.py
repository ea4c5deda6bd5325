"""By what applications run where no setting says so: what is chosen when, and what is kept."""

import json
from pathlib import Path

import pytest
from attrs import evolve

from pushpaka_core.bootstrap.runtimes import (
    ChosenRuntime,
    Probe,
    choose_runtime,
    known_runtime,
)
from pushpaka_core.errors import SettingsError
from pushpaka_core.settings import RuntimeChoice, Settings

pytestmark = pytest.mark.anyio

DOCKER, PROCESS = RuntimeChoice.DOCKER, RuntimeChoice.PROCESS


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_directory=tmp_path)


def _probe(*answers: str | None) -> Probe:
    """Return what gives these answers, one for each time that it is asked."""
    waiting = iter(answers)

    async def ask(_: Settings) -> str | None:
        return next(waiting)

    return ask


def _file(settings: Settings) -> Path:
    return settings.data_directory / "runtime.json"


async def _start(settings: Settings, probe: Probe) -> ChosenRuntime:
    chosen = await choose_runtime(settings, missing=probe)
    await chosen.keep(settings.data_directory)
    return chosen


@pytest.mark.parametrize(
    ("missing", "runtime", "reason"),
    [
        (
            None,
            DOCKER,
            "a Docker Engine answered at unix:///var/run/docker.sock at the first start",
        ),
        ("there was no docker command", PROCESS, "at the first start there was no docker command"),
    ],
)
async def test_the_first_start_chooses_for_all_later_ones(
    settings: Settings, missing: str | None, runtime: RuntimeChoice, reason: str
) -> None:
    """Nothing is asked any more, whatever has appeared or gone away; the reason stays as well."""
    first = await _start(settings, _probe(missing))
    second = await _start(settings, _probe())

    kept = json.loads(_file(settings).read_text())
    assert (runtime, reason) == (first.runtime, first.reason)
    assert (runtime, reason) == (second.runtime, second.reason)
    assert {"runtime": runtime, "reason": reason} == kept


@pytest.mark.parametrize("runtime", [DOCKER, PROCESS, RuntimeChoice.MEMORY])
async def test_a_setting_is_obeyed_and_is_no_choice(
    settings: Settings, runtime: RuntimeChoice
) -> None:
    """Before the first choice, and over it; without it the choice is made, or holds again."""
    named = evolve(settings, runtime=runtime)

    before = await _start(named, _probe())
    is_kept = _file(settings).exists()
    chosen = await _start(settings, _probe(None))
    after = await _start(named, _probe())
    again = await _start(settings, _probe())

    assert (runtime, False) == (before.runtime, is_kept)
    assert [DOCKER, runtime, DOCKER] == [chosen.runtime, after.runtime, again.runtime]


async def test_what_was_built_for_processes_stays_with_them(settings: Settings) -> None:
    """An earlier version had no choice, and ran processes; so it is when all that is removed."""
    release = settings.data_directory / "releases" / "of an earlier version"
    release.mkdir(parents=True)

    first = await _start(settings, _probe())
    release.rmdir()
    second = await _start(settings, _probe())

    assert [PROCESS, PROCESS] == [first.runtime, second.runtime]
    assert "its applications were built for this runtime before" == second.reason


def test_who_only_looks_chooses_nothing(settings: Settings) -> None:
    """As `down` and `plan` do, also where there is no data directory yet."""
    nowhere = evolve(settings, data_directory=settings.data_directory / "missing")

    assert known_runtime(settings) is None
    assert known_runtime(nowhere) is None
    assert [] == list(settings.data_directory.iterdir())


async def test_of_two_that_choose_at_once_none_is_wrong(settings: Settings) -> None:
    """Who comes second and has chosen otherwise begins again, and finds what the first chose."""
    first = await choose_runtime(settings, missing=_probe(None))
    same = await choose_runtime(settings, missing=_probe(None))
    other = await choose_runtime(settings, missing=_probe("there was no docker command"))
    await first.keep(settings.data_directory)

    await same.keep(settings.data_directory)
    with pytest.raises(SettingsError, match="Start again"):
        await other.keep(settings.data_directory)

    assert DOCKER is (await choose_runtime(settings, missing=_probe())).runtime


@pytest.mark.parametrize("text", ["", "{}", '{"runtime": "swarm", "reason": ""}', "[]"])
async def test_a_damaged_choice_is_told(settings: Settings, text: str) -> None:
    """It is not guessed what applications were built for; a setting helps."""
    _file(settings).write_text(text)

    with pytest.raises(SettingsError, match=r"runtime.json cannot be read or is damaged"):
        await choose_runtime(settings, missing=_probe())

    named = evolve(settings, runtime=PROCESS)
    assert PROCESS is (await choose_runtime(named, missing=_probe())).runtime
