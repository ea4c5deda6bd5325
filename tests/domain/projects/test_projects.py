"""Tests projects: validation, partial changes and slugs."""

import re
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushpaka_core.domain.projects.projects import (
    RESERVED_SLUGS,
    NewProject,
    Project,
    ProjectChanges,
    slug_from,
    slug_stem,
)
from pushpaka_core.domain.validation import UNCHANGED
from pushpaka_core.errors import InvalidInputError

URL = "https://git.example.com/ann/app.git"

BAD = [
    ("name", ""),
    ("name", "  "),
    ("name", "x" * 101),
    ("name", "a\nb"),
    ("name", "a\u202eb"),
    ("repo_url", ""),
    ("branch", "-q"),
    ("branch", "main;id"),
    ("root_dir", "../x"),
    ("install_command", "a\nb"),
    ("build_command", "a\rb"),
    ("start_command", "x" * 4097),
    ("port", 0),
    ("port", 65536),
    ("framework", "x" * 65),
    ("health_check_path", "http://169.254.169.254/"),
    ("health_check_path", "//evil"),
    ("health_check_path", "/x\r\nHost: y"),
    ("health_check_timeout", 0),
    ("rollback_window", -1),
    ("rollback_window", 601),
    ("replicas", 0),
    ("replicas", 101),
    ("cpu_limit", 0.0),
    ("cpu_limit", 1e99),
    ("memory_limit", -1),
    ("git_token", "a b"),
    ("git_token", "a\nb"),
]


@pytest.mark.parametrize(("field", "value"), BAD)
def test_invalid_settings_are_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        NewProject(**{"name": "shop", "repo_url": URL} | {field: value})
    assert [field] == [*refusal.value.problems]

    with pytest.raises(InvalidInputError) as refusal:
        ProjectChanges(**{field: value})
    assert [field] == [*refusal.value.problems]


def test_names_can_have_any_printable_characters() -> None:
    names = ["x;touch p", "$(id)", "../x", "A B", "Müller & Söhne 🎉"]

    assert names == [NewProject(name=name, repo_url=URL).name for name in names]


def test_every_setting_can_be_changed() -> None:
    settings = [field.name for field in attrs.fields(NewProject)]

    assert settings == [field.name for field in attrs.fields(ProjectChanges)]
    assert {*settings} <= {field.name for field in attrs.fields(Project)}


def test_changes_list_only_given_fields() -> None:
    assert {} == ProjectChanges().changed_settings
    assert {"auto_deploy": False, "root_dir": None} == (
        ProjectChanges(root_dir=None, auto_deploy=False).changed_settings
    )
    assert UNCHANGED is ProjectChanges().name


def test_token_is_not_in_the_repr() -> None:
    shown = (
        repr(NewProject(name="x", repo_url=URL, git_token="glpat-1")),
        repr(ProjectChanges(git_token="glpat-1")),
    )

    assert not any("glpat-1" in text for text in shown)


@pytest.mark.parametrize(
    ("name", "taken_slugs", "slug"),
    [
        ("My Shop", set(), "my-shop"),
        ("x;touch p", set(), "x-touch-p"),
        ("../../etc", set(), "etc"),
        ("a -- b", set(), "a-b"),
        ("日本語", set(), "project"),
        ("API", set(), "api-2"),
        ("shop", {"shop", "shop-2"}, "shop-3"),
        ("a" * 50, set(), "a" * 40),
        ("a" * 50, {"a" * 40}, "a" * 38 + "-2"),
        ("a" * 39 + " b", set(), "a" * 39),
    ],
)
def test_slug_is_derived_from_the_name(name: str, taken_slugs: set[str], slug: str) -> None:
    assert slug == slug_from(name, taken_slugs)


@given(st.text(max_size=100), st.integers(min_value=0, max_value=12))
def test_any_name_has_a_slug(name: str, existing_count: int) -> None:
    taken_slugs: set[str] = set()
    for _ in range(existing_count):
        taken_slugs.add(slug_from(name, taken_slugs))

    slug = slug_from(name, taken_slugs)

    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", slug)
    assert "--" not in slug
    assert slug not in taken_slugs | RESERVED_SLUGS
    assert slug.startswith(slug_stem(name))
