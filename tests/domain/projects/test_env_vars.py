"""Tests valid and invalid environment variables, and the variables of a deployment."""

import pytest
from attrs import evolve

from pushpaka_core.domain.projects.env_vars import (
    MAX_VALUE_BYTES,
    EnvQuota,
    EnvScope,
    NewEnvVar,
    effective_env_vars,
    versions_of,
)
from pushpaka_core.errors import InvalidInputError
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.projects import a_project, an_env_var

QUOTA = EnvQuota()
PROJECT = a_project(a_user())


def new_env_var(key: str = "KEY", value: str = "value") -> NewEnvVar:
    return NewEnvVar(project_id=PROJECT.id, key=key, value=value)


@pytest.mark.parametrize(
    "key", ["A", "_", "database_url", "PATHS", "MY_PORT", "USERNAME", "x" * 128]
)
def test_valid_keys_are_accepted(key: str) -> None:
    assert key == new_env_var(key).key


@pytest.mark.parametrize(
    ("field", "text"),
    [
        *(("key", key) for key in ["", "A=B", "1A", "A B", "A\n", "é", "x" * 129, "A-B", "A.B"]),
        *(("key", key) for key in ["A\0", "\uff21"]),
        *(
            ("value", value)
            for value in ["a\0b", "\ud800", "x" * (MAX_VALUE_BYTES + 1), "é" * 65409]
        ),
    ],
)
def test_invalid_keys_and_values_are_rejected(field: str, text: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        new_env_var(**{field: text})

    assert [field] == [*refusal.value.problems]


@pytest.mark.parametrize(
    "key",
    [
        *["PATH", "path", "HOME", "PORT", "IFS", "BASH_ENV", "LD_PRELOAD", "ld_library_path"],
        *["GIT_SSH_COMMAND", "DOCKER_HOST", "PUSHPAKA_DATABASE_URL", "APP_URL", "DYLD_X"],
    ],
)
def test_reserved_keys_are_rejected(key: str) -> None:
    with pytest.raises(InvalidInputError, match="sets or protects"):
        new_env_var(key)


def test_values_are_not_shown() -> None:
    assert "s3cret" not in repr(new_env_var(value="s3cret"))


def test_scope_of_the_target_takes_precedence() -> None:
    shared = an_env_var(PROJECT, key="B")
    production = an_env_var(PROJECT, key="B", scope=EnvScope.PRODUCTION)
    preview = an_env_var(PROJECT, key="A", scope=EnvScope.PREVIEW)
    env_vars = [production, shared, preview]

    assert (production,) == effective_env_vars(env_vars, "production")
    assert (preview, shared) == effective_env_vars(env_vars, "preview:next")


def test_versions_change_only_with_values() -> None:
    env_var = an_env_var(PROJECT, key="A")

    marks = versions_of([env_var])

    assert marks == versions_of([evolve(env_var, updated_at=env_var.created_at)])
    assert marks != versions_of([evolve(env_var, version=2)])
    assert marks != versions_of([evolve(an_env_var(PROJECT), key="A")])


@pytest.mark.parametrize("count", [0, QUOTA.count, QUOTA.count + 1, 2 * QUOTA.count])
def test_number_of_keys_is_limited(count: int) -> None:
    pairs = [(f"K{n}", "") for n in range(count)]

    assert (count <= QUOTA.count) == _is_accepted(pairs)


@pytest.mark.parametrize(("size", "is_accepted"), [(256 * 1024 - 1, True), (256 * 1024, False)])
def test_total_size_is_limited(size: int, *, is_accepted: bool) -> None:
    assert is_accepted == _is_accepted([("K", "x" * size)])


def _is_accepted(pairs: list[tuple[str, str]]) -> bool:
    try:
        QUOTA.require_total(pairs)
    except InvalidInputError:
        return False
    return True
