"""Parsing of JSON bodies and database rows."""

from collections.abc import Mapping
from contextlib import suppress
from uuid import UUID

import attrs
import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from pushpaka_core.converters import from_row, parse, to_row
from pushpaka_core.domain.deployments.deployments import Deployment, NewDeployment
from pushpaka_core.domain.deployments.releases import Release
from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.projects.env_vars import EnvScope, NewEnvVar
from pushpaka_core.domain.projects.projects import NewProject, Project, ProjectChanges
from pushpaka_core.errors import InvalidInputError
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import (
    a_deployment,
    a_release,
    a_timeline_event,
    an_instance,
)
from pushpaka_core.testing.objects.projects import (
    a_custom_domain,
    a_project,
    an_env_var,
    an_environment,
)
from pushpaka_core.testing.objects.values import a_secret

ID = "6f1c0b9e-7c1d-4b7a-9d2e-0a4b8c6d2f10"
REPO = "https://git.example.com/someone/app.git"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@frozen(kw_only=True)
class InputWithMapping:
    """An input with a field that is a mapping."""

    variables: Mapping[str, str] = field(repr=False)


@frozen(kw_only=True)
class InputWithList:
    """An input with a field that is a list."""

    scopes: tuple[EnvScope, ...]


def problems_of(cls: type[attrs.AttrsInstance], body: object) -> dict[str, str]:
    with pytest.raises(InvalidInputError) as caught:
        parse(cls, body)
    return caught.value.problems


def test_a_valid_body_becomes_its_object() -> None:
    """Ids and enums become domain types, and other values are kept."""
    body = {"project_id": ID, "key": "TOKEN", "value": "s3cret", "scope": "preview"}

    env_var = parse(NewEnvVar, body)

    assert UUID(ID) == env_var.project_id
    assert EnvScope.PREVIEW is env_var.scope
    assert "s3cret" == env_var.value


def test_all_problems_are_reported_at_once() -> None:
    """Unknown, missing and invalid fields all appear in one error."""
    body = {"nam": "shop", "repo_url": REPO, "port": "80", "replicas": 0}

    problems = problems_of(NewProject, body)

    assert {
        "nam": 'is not a known field; did you mean "name"?',
        "name": "is required",
        "port": "must be a whole number",
        "replicas": problems["replicas"],
    } == problems


NO_OBJECTS: tuple[object, ...] = (None, [], "text", 7)
PROJECT = {"name": "shop", "repo_url": REPO}
ENV_VAR = {"project_id": ID, "key": "TOKEN", "value": "x"}


@pytest.mark.parametrize(
    ("cls", "body", "problems"),
    [
        *(
            (NewProject, {**PROJECT, name: value}, {name: sentence})
            for name, value, sentence in (
                ("port", True, "must be a whole number"),
                ("port", 80.0, "must be a whole number"),
                ("name", 7, "must be a string"),
                ("name", "a\0b", "must not contain NUL"),
                ("name", "\ud800", "must be valid Unicode text"),
                ("cpu_limit", "1", "must be a number"),
                ("cpu_limit", True, "must be a number"),
                ("cpu_limit", float("nan"), "must be a finite number"),
                ("cpu_limit", float("inf"), "must be a finite number"),
                ("cpu_limit", 10**400, "must be a finite number"),
                ("auto_deploy", 1, "must be true or false"),
                ("auto_deploy", "true", "must be true or false"),
            )
        ),
        (
            NewEnvVar,
            {**ENV_VAR, "scope": "prod"},
            {"scope": "must be one of all, production, preview"},
        ),
        # null means the default, and is not a value for a required field.
        (NewProject, {**PROJECT, "name": None, "branch": None}, {"name": "is required"}),
        (ProjectChanges, {"branch": None}, {"branch": "must be a string"}),
        (InputWithMapping, {"variables": {"A": 1, "B": "2"}}, {"variables.A": "must be a string"}),
        (InputWithMapping, {"variables": ["A"]}, {"variables": "must be an object"}),
        (InputWithList, {"scopes": "all"}, {"scopes": "must be a list"}),
        (InputWithList, {"scopes": ["a"]}, {"scopes": "must be one of all, production, preview"}),
        *((NewProject, body, {"body": "must be a JSON object"}) for body in NO_OBJECTS),
    ],
)
def test_wrong_values_are_refused(
    cls: type[attrs.AttrsInstance], body: object, problems: dict[str, str]
) -> None:
    """A value of the wrong JSON type is refused, not converted."""
    assert problems == problems_of(cls, body)


def test_whole_numbers_and_nulls_are_accepted() -> None:
    """A whole number is accepted as a number, and null clears an optional setting."""
    changes = parse(ProjectChanges, {"root_dir": None, "name": "shop"})

    assert 1.0 == parse(NewProject, {**PROJECT, "cpu_limit": 1}).cpu_limit
    assert "main" == parse(NewProject, {**PROJECT, "branch": None}).branch
    assert {"root_dir": None, "name": "shop"} == changes.changed_settings
    assert {"A": "1"} == parse(InputWithMapping, {"variables": {"A": "1"}}).variables
    assert (EnvScope.ALL,) == parse(InputWithList, {"scopes": ["all"]}).scopes


@pytest.mark.parametrize("text", ["", "7", ID.replace("-", ""), "{" + ID + "}", ID + "\n"])
def test_ids_are_in_their_usual_form(text: str) -> None:
    assert ["project_id"] == list(problems_of(NewDeployment, {"project_id": text}))


def test_a_flood_of_unknown_fields_is_answered_briefly() -> None:
    body = {f"{number}" * 100: 1 for number in range(10_000)}

    assert len(problems_of(InputWithMapping, body)) <= 11


@given(st.dictionaries(st.sampled_from(list(attrs.fields_dict(NewProject))), json_values))
def test_any_body_is_parsed_or_refused(body: dict[str, object]) -> None:
    with suppress(InvalidInputError):
        assert parse(NewProject, body).name


def test_rows_can_be_converted_back() -> None:
    user = a_user()
    project = a_project(user, git_token=a_secret())
    deployment = a_deployment(project)
    entities: list[attrs.AttrsInstance] = [
        user,
        project,
        a_project(user),
        deployment,
        a_release(deployment),
        an_instance(deployment),
        an_env_var(project),
        an_environment(deployment),
        a_custom_domain(project),
        a_timeline_event(deployment),
    ]

    read = [from_row(type(entity), to_row(entity)) for entity in entities]

    assert entities == read


def test_rows_are_not_validated() -> None:
    """Rows can be older than a validation rule, and have to remain readable."""
    row = to_row(a_project(a_user())) | {"branch": "--upload-pack=x", "port": -1}

    project = from_row(Project, row)

    assert ("--upload-pack=x", -1) == (project.branch, project.port)


def test_older_rows_have_the_default_of_a_new_setting() -> None:
    """In older rows, the setting's column is null, or its key is missing from the JSON document."""
    new = ("health_check", "rollback_window")
    project = a_project(a_user())
    deployment = a_deployment(project, run_settings=RunSettings(replicas=2))
    release = a_release(deployment)
    deployed, released = to_row(deployment), to_row(release)
    for name in new:
        del deployed["run_settings"][name]
        del released["plan"]["settings"][name]

    read_project = from_row(Project, to_row(project) | dict.fromkeys(new))

    assert project == read_project
    assert deployment == from_row(Deployment, deployed)
    assert release == from_row(Release, released)


def test_each_secret_has_its_own_columns() -> None:
    """Key rotation selects rows by key id, so the key id needs a column next to the ciphertext."""
    row = to_row(a_project(a_user(), git_token=a_secret("sealed")))

    assert ("k1", b"sealed") == (row["git_token_key_id"], row["git_token_ciphertext"])
    assert "git_token" not in row
