"""What strangers send is judged, and what was kept is readable."""

from collections.abc import Mapping
from contextlib import suppress
from uuid import UUID

import attrs
import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from pushpaka_core.converters import from_row, parse, to_row
from pushpaka_core.domain.deployments import NewDeployment
from pushpaka_core.domain.env_vars import EnvScope, NewEnvVar
from pushpaka_core.domain.projects import NewProject, Project, ProjectChanges
from pushpaka_core.errors import InvalidInputError
from pushpaka_core.testing.objects import (
    a_custom_domain,
    a_deployment,
    a_project,
    a_release,
    a_secret,
    a_timeline_event,
    a_user,
    an_env_var,
    an_environment,
    an_instance,
)

ID = "6f1c0b9e-7c1d-4b7a-9d2e-0a4b8c6d2f10"
REPO = "https://git.example.com/someone/app.git"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@frozen(kw_only=True)
class Variables:
    """An input with a mapping in it."""

    variables: Mapping[str, str] = field(repr=False)


def problems_of(cls: type[attrs.AttrsInstance], body: object) -> dict[str, str]:
    with pytest.raises(InvalidInputError) as caught:
        parse(cls, body)
    return caught.value.problems


def test_a_good_body_becomes_its_object() -> None:
    """Fields get the types of the domain, and what is absent its default."""
    body = {"project_id": ID, "key": "TOKEN", "value": "s3cret", "scope": "preview"}

    env_var = parse(NewEnvVar, body)

    assert UUID(ID) == env_var.project_id
    assert EnvScope.PREVIEW is env_var.scope
    assert "s3cret" == env_var.value


def test_all_problems_are_told_at_once() -> None:
    """Unknown, missing, ill-typed and forbidden fields each get their own sentence."""
    body = {"nam": "shop", "repo_url": REPO, "port": "80", "replicas": 0}

    problems = problems_of(NewProject, body)

    assert {
        "nam": 'is not a known field; did you mean "name"?',
        "name": "is required",
        "port": "must be a whole number",
        "replicas": problems["replicas"],
    } == problems


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("port", True, "must be a whole number"),
        ("port", 80.0, "must be a whole number"),
        ("name", 7, "must be a text"),
        ("name", "a\0b", "must not contain NUL"),
        ("name", "\ud800", "must be valid Unicode text"),
        ("cpu_limit", "1", "must be a number"),
        ("cpu_limit", True, "must be a number"),
        ("cpu_limit", float("nan"), "must be a finite number"),
        ("cpu_limit", float("inf"), "must be a finite number"),
        ("cpu_limit", 10**400, "must be a smaller number"),
        ("auto_deploy", 1, "must be true or false"),
        ("auto_deploy", "true", "must be true or false"),
    ],
)
def test_types_are_not_guessed(name: str, value: object, sentence: str) -> None:
    """A value of another JSON type is refused, not converted."""
    body = {"name": "shop", "repo_url": REPO, name: value}

    assert {name: sentence} == problems_of(NewProject, body)


def test_a_whole_number_is_a_number() -> None:
    """JSON does not tell 1 from 1.0."""
    project = parse(NewProject, {"name": "shop", "repo_url": REPO, "cpu_limit": 1})

    assert 1.0 == project.cpu_limit


@pytest.mark.parametrize("text", ["", "7", ID.replace("-", ""), "{" + ID + "}", ID + "\n"])
def test_ids_are_in_their_usual_form(text: str) -> None:
    """Of the many ways to write a UUID only the common one is taken."""
    assert ["project_id"] == list(problems_of(NewDeployment, {"project_id": text}))


def test_an_enum_names_its_members() -> None:
    """Who guesses wrong is told what there is."""
    body = {"project_id": ID, "key": "TOKEN", "value": "x", "scope": "prod"}

    assert {"scope": "must be one of all, production, preview"} == problems_of(NewEnvVar, body)


def test_null_is_as_absent_in_a_new_object() -> None:
    """Null leaves the default in force, and does not stand for a required field."""
    body = {"name": None, "repo_url": REPO, "branch": None, "port": None}

    assert {"name": "is required"} == problems_of(NewProject, body)
    assert "main" == parse(NewProject, body | {"name": "shop"}).branch


def test_null_takes_a_setting_back_where_it_may_be_null() -> None:
    """In a change absent means untouched, and null means none."""
    changes = parse(ProjectChanges, {"root_dir": None, "name": "shop"})

    assert {"root_dir": None, "name": "shop"} == changes.given


def test_null_is_refused_for_a_setting_that_must_be_there() -> None:
    """A change to null of a setting that cannot be null is not passed over in silence."""
    assert {"branch": "must be a text"} == problems_of(ProjectChanges, {"branch": None})


def test_a_mapping_is_judged_inside() -> None:
    """Keys and values of an object in the body are typed as well."""
    assert {"A": "1"} == parse(Variables, {"variables": {"A": "1"}}).variables
    assert {"variables.A": "must be a text"} == problems_of(
        Variables, {"variables": {"A": 1, "B": "2"}}
    )
    assert {"variables": "must be an object"} == problems_of(Variables, {"variables": ["A"]})


@pytest.mark.parametrize("body", [None, [], "text", 7])
def test_a_body_is_an_object(body: object) -> None:
    """Any other JSON is refused as a whole."""
    assert {"body": "must be a JSON object"} == problems_of(NewProject, body)


def test_a_flood_of_unknown_fields_is_answered_briefly() -> None:
    """The answer to a body of nothing but typos is bounded."""
    body = {f"{number}" * 100: 1 for number in range(10_000)}

    assert len(problems_of(Variables, body)) <= 11


@given(st.dictionaries(st.sampled_from(list(attrs.fields_dict(NewProject))), json_values))
def test_no_body_breaks_the_judge(body: dict[str, object]) -> None:
    """Whatever the JSON, the answer is an object or an InvalidInputError."""
    with suppress(InvalidInputError):
        assert parse(NewProject, body).name


def test_rows_give_back_what_they_were_made_from() -> None:
    """Every kept kind of object survives the way into columns and back."""
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


def test_a_row_is_readable_whatever_the_rules_say_today() -> None:
    """Rules judge what comes in, not what was kept before they were made."""
    row = to_row(a_project(a_user())) | {"branch": "--upload-pack=x", "port": -1}

    project = from_row(Project, row)

    assert ("--upload-pack=x", -1) == (project.branch, project.port)


def test_a_secret_has_columns_of_its_own() -> None:
    """The key id of a ciphertext can be queried, as a change of keys needs it."""
    row = to_row(a_project(a_user(), git_token=a_secret("sealed")))

    assert ("k1", b"sealed") == (row["git_token_key_id"], row["git_token_ciphertext"])
    assert "git_token" not in row
