"""Projects: rules for their settings, changes that leave the rest alone, and their slugs."""

import re
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushpaka_core.domain.projects import (
    RESERVED_SLUGS,
    NewProject,
    Project,
    ProjectChanges,
    slug_from,
    slug_stem,
)
from pushpaka_core.domain.rules import UNCHANGED
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
    ("replicas", 0),
    ("replicas", 101),
    ("cpu_limit", 0.0),
    ("cpu_limit", 1e99),
    ("memory_limit", -1),
    ("git_token", "a b"),
    ("git_token", "a\nb"),
]


@pytest.mark.parametrize(("field", "value"), BAD)
def test_bad_settings_are_refused(field: str, value: Any) -> None:
    """A setting that breaks a rule is refused by its name, in a new project and in a change."""
    with pytest.raises(InvalidInputError) as refusal:
        NewProject(**{"name": "shop", "repo_url": URL} | {field: value})
    assert [field] == [*refusal.value.problems]

    with pytest.raises(InvalidInputError) as refusal:
        ProjectChanges(**{field: value})
    assert [field] == [*refusal.value.problems]


def test_names_are_for_people() -> None:
    """A name is shown and never obeyed, so it may hold anything that can be shown."""
    names = ["x;touch p", "$(id)", "../x", "A B", "Müller & Söhne 🎉"]

    assert names == [NewProject(name=name, repo_url=URL).name for name in names]


def test_every_setting_can_be_changed() -> None:
    """What can be said of a new project can be changed later, and nothing else."""
    settings = [field.name for field in attrs.fields(NewProject)]

    assert settings == [field.name for field in attrs.fields(ProjectChanges)]
    assert {*settings} <= {field.name for field in attrs.fields(Project)}


def test_a_change_names_only_what_was_said() -> None:
    """What is absent is no change; None is one, and so is a false value."""
    assert {} == ProjectChanges().given
    assert {"auto_deploy": False, "root_dir": None} == (
        ProjectChanges(root_dir=None, auto_deploy=False).given
    )
    assert UNCHANGED is ProjectChanges().name


def test_a_token_is_not_shown() -> None:
    """A git token is in no representation of what was asked for."""
    shown = (
        repr(NewProject(name="x", repo_url=URL, git_token="glpat-1")),
        repr(ProjectChanges(git_token="glpat-1")),
    )

    assert not any("glpat-1" in text for text in shown)


@pytest.mark.parametrize(
    ("name", "taken", "slug"),
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
def test_slug(name: str, taken: set[str], slug: str) -> None:
    """A slug comes from the name, and is made free by a number."""
    assert slug == slug_from(name, taken)


@given(st.text(max_size=100), st.integers(min_value=0, max_value=12))
def test_any_name_has_a_slug(name: str, namesakes: int) -> None:
    """Whatever the name and its namesakes: a free DNS label without "--" that begins as told."""
    taken: set[str] = set()
    for _ in range(namesakes):
        taken.add(slug_from(name, taken))

    slug = slug_from(name, taken)

    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", slug)
    assert "--" not in slug
    assert slug not in taken | RESERVED_SLUGS
    assert slug.startswith(slug_stem(name))
