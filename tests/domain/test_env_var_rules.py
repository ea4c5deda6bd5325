"""Env vars: what may be a key and a value, and which of them a deployment sees."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from pushpaka_core.domain.env_vars import (
    LONGEST_VALUE,
    EnvQuota,
    EnvScope,
    NewEnvVar,
    effective,
    versions_of,
)
from pushpaka_core.errors import InvalidInputError
from pushpaka_core.testing.objects import a_project, a_user, an_env_var

QUOTA = EnvQuota()
PROJECT = a_project(a_user())


def a_new(key: str = "KEY", value: str = "value") -> NewEnvVar:
    return NewEnvVar(project_id=PROJECT.id, key=key, value=value)


@pytest.mark.parametrize(
    "key", ["A", "_", "database_url", "PATHS", "MY_PORT", "USERNAME", "x" * 128]
)
def test_good_keys(key: str) -> None:
    """What a shell calls a name is a key, also beside a reserved one."""
    assert key == a_new(key).key


@pytest.mark.parametrize(
    "key", ["", "A=B", "1A", "A B", "A\n", "é", "x" * 129, "A-B", "A.B", "A\0", "\uff21"]
)
def test_bad_keys(key: str) -> None:
    """Nothing else is."""
    with pytest.raises(InvalidInputError) as refusal:
        a_new(key)

    assert ["key"] == [*refusal.value.problems]


@pytest.mark.parametrize(
    "key",
    [
        *["PATH", "path", "HOME", "PORT", "IFS", "BASH_ENV", "LD_PRELOAD", "ld_library_path"],
        *["GIT_SSH_COMMAND", "DOCKER_HOST", "PUSHPAKA_DATABASE_URL", "APP_URL", "DYLD_X"],
    ],
)
def test_reserved_keys(key: str) -> None:
    """Names by which the platform, a loader or a shell is steered cannot be set, in any case."""
    with pytest.raises(InvalidInputError, match="sets or protects"):
        a_new(key)


@pytest.mark.parametrize("value", ["a\0b", "\ud800", "x" * (LONGEST_VALUE + 1), "é" * 65409])
def test_bad_values(value: str) -> None:
    """What an environment cannot carry, and what is too long in bytes, is refused."""
    with pytest.raises(InvalidInputError) as refusal:
        a_new(value=value)

    assert ["value"] == [*refusal.value.problems]


def test_values_are_not_shown() -> None:
    """A value is in no representation."""
    assert "s3cret" not in repr(a_new(value="s3cret"))


def test_a_targets_own_scope_wins() -> None:
    """Each target sees what is for all, unless its own scope has the same key."""
    shared = an_env_var(PROJECT, key="B")
    production = an_env_var(PROJECT, key="B", scope=EnvScope.PRODUCTION)
    preview = an_env_var(PROJECT, key="A", scope=EnvScope.PREVIEW)
    env_vars = [production, shared, preview]

    assert (production,) == effective(env_vars, "production")
    assert (preview, shared) == effective(env_vars, "preview:next")


def test_versions_change_with_the_values_alone() -> None:
    """A mark changes with a new value and with a new row, and holds no value."""
    env_var = an_env_var(PROJECT, key="A")

    marks = versions_of([env_var])

    assert marks == versions_of([evolve(env_var, updated_at=env_var.created_at)])
    assert marks != versions_of([evolve(env_var, version=2)])
    assert marks != versions_of([evolve(an_env_var(PROJECT), key="A")])


@given(st.integers(min_value=0, max_value=2 * QUOTA.number))
def test_the_number_of_keys_is_bounded(count: int) -> None:
    """A project has at most 100 of them."""
    pairs = [(f"K{n}", "") for n in range(count)]

    assert (count <= QUOTA.number) == _passes(pairs)


@pytest.mark.parametrize(("size", "passes"), [(256 * 1024 - 1, True), (256 * 1024, False)])
def test_the_bytes_of_all_are_bounded(size: int, *, passes: bool) -> None:
    """Keys and values together have at most 256 KiB."""
    assert passes == _passes([("K", "x" * size)])


def _passes(pairs: list[tuple[str, str]]) -> bool:
    try:
        QUOTA.check_total(pairs)
    except InvalidInputError:
        return False
    return True
