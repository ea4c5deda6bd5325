"""Tests environment variables in app.json and render.yaml."""

import json
from collections.abc import Mapping

import pytest
from tests.detection.plans import reasons

from pushpaka_core.detection import BuildOverrides, MemoryTree, detect, explain
from pushpaka_core.domain.pipeline.build_plans import BuildPlan

HEROKU = {
    "SECRET_KEY": {"description": "Signs cookies.", "generator": "secret"},
    "NODE_ENV": {"value": "production"},
    "WORKERS": 2,
    "DATABASE_URL": {"description": "Where the database is."},
    "SENTRY_DSN": {"required": False},
}
RENDER = """\
services:
  - type: web
    name: shop
    runtime: python
    envVars:
      - key: SECRET_KEY
        generateValue: true
      - key: DEBUG
        value: false
      - key: STRIPE_KEY
        sync: false
      - key: DATABASE_URL
        fromDatabase: {name: db, property: connectionString}
      - fromGroup: common
  - type: web
    name: docs
    rootDir: docs
    envVars:
      - key: OF_DOCS
        sync: false
envVarGroups:
  - name: common
    envVars:
      - key: REGION
        value: eu
"""


def plan_of(*, root_dir: str = "", **files: str) -> BuildPlan:
    """Return the plan for *files*, whose names have "__" instead of "/" and "_" instead of "."."""
    named = {name.replace("__", "/").replace("_", "."): text for name, text in files.items()}
    return detect(
        MemoryTree({"Procfile": "web: ./serve\n", **named}), BuildOverrides(root_dir=root_dir)
    )


def app_json(env: Mapping[str, object]) -> str:
    return json.dumps({"name": "Shop", "env": env}, indent=1)


def test_app_json_lists_generated_default_and_required_env_vars() -> None:
    """As on Heroku, an entry without a value is required unless the entry says otherwise."""
    plan = plan_of(app_json=app_json(HEROKU))

    settings = plan.settings
    assert (("DATABASE_URL",), "app.json") == (settings.required_env, settings.required_by)
    assert ("SECRET_KEY",) == settings.generated_env
    assert {"NODE_ENV": "production", "WORKERS": "2"} == settings.default_env
    assert "app.json asks Pushpaka to generate SECRET_KEY (app.json:4)" in reasons(plan)
    assert "app.json has a default for NODE_ENV, WORKERS (app.json:8)" in reasons(plan)


def test_render_yaml_lists_env_vars_of_the_service_in_the_directory() -> None:
    """Values that Render would take from other services have to be set here."""
    own = plan_of(render_yaml=RENDER).settings
    docs = plan_of(render_yaml=RENDER, docs__Procfile="web: ./serve", root_dir="docs").settings

    assert (("DATABASE_URL", "STRIPE_KEY"), "render.yaml") == (own.required_env, own.required_by)
    assert ("SECRET_KEY",) == own.generated_env
    assert {"DEBUG": "false", "REGION": "eu"} == own.default_env
    assert (("OF_DOCS",), (), {}) == (docs.required_env, docs.generated_env, docs.default_env)


def test_pushpaka_toml_overrides_required_env_vars() -> None:
    """Secrets in the other files are still generated."""
    settings = plan_of(
        app_json=app_json(HEROKU), pushpaka_toml="env.required = ['SECRET_KEY', 'A']\n"
    ).settings

    assert (("SECRET_KEY", "A"), "pushpaka.toml") == (settings.required_env, settings.required_by)
    assert ("SECRET_KEY",) == settings.generated_env


def test_app_json_takes_precedence_over_render_yaml() -> None:
    """If a variable is in both files, the entry in app.json is used."""
    settings = plan_of(app_json=app_json({"DEBUG": "1"}), render_yaml=RENDER).settings

    assert {"DEBUG": "1", "REGION": "eu"} == settings.default_env


@pytest.mark.parametrize(
    ("files", "framework", "reason"),
    [
        (
            {"app_json": '{"env": {'},
            "app.json",
            "in double quotes (at line 1, column 10). Its environment variables are ignored",
        ),
        (
            {"render_yaml": "services: [\n  - x"},
            "render.yaml",
            "(at line 2, column 3). Its environment variables are ignored",
        ),
        (
            {"app_json": app_json({"PORT": "80", "a b": {"generator": "secret"}, "A": "x\0"})},
            "app.json",
            "the entry 'PORT' is ignored: it is reserved: Pushpaka sets or protects",
        ),
        (
            {"app_json": app_json({f"A{number}": "x" for number in range(51)})},
            "app.json",
            "only the first 50 environment variables are read",
        ),
        (
            {"render_yaml": "services: [{type: web}, {type: web, rootDir: .}]"},
            "render.yaml",
            "several web services use this directory, so the environment variables are ignored",
        ),
    ],
)
def test_unusable_files_and_entries_are_skipped_and_reported(
    files: dict[str, str], framework: str, reason: str
) -> None:
    """An invalid file for another platform never makes a deployment fail."""
    plan = plan_of(**files)

    rejections = [one.reason for one in plan.rejected if one.framework == framework]
    assert any(reason in one for one in rejections), rejections
    assert plan.settings.generated_env == ()


@pytest.mark.parametrize(
    "files",
    [
        {"app_json": '{"expo": {"name": "shop"}}'},
        {"app_json": '{"env": ["A"]}'},
        {"render_yaml": "- a list"},
        {"render_yaml": "services: {web: 1}\nenvVarGroups: 3"},
        {"render_yaml": "services: [{type: web, envVars: [3, {key: [1]}, {fromGroup: none}]}]"},
    ],
)
def test_files_without_env_vars_change_nothing(files: dict[str, str]) -> None:
    """Other tools also use app.json. Invalid entries have no effect."""
    assert plan_of() == plan_of(**files)


def test_expanding_aliases_are_limited() -> None:
    """Through YAML aliases, a short file can expand to a huge number of entries."""
    groups = "envVarGroups: [{name: all, envVars: &all [" + "{}, " * 2_000 + "{}]}]\n"
    asked = "services: [{type: web, envVars: &env [" + "{fromGroup: all}, " * 1_000 + "{}]}, "
    others = "{type: worker, envVars: *env}, " * 500 + "{type: worker}]\n"

    assert plan_of() == plan_of(render_yaml=groups + asked + others)


def test_the_explanation_shows_where_values_come_from() -> None:
    """Generated secrets are not reported as missing. They are listed until they exist."""
    plan = plan_of(app_json=app_json(HEROKU))

    before, after = explain(plan), explain(plan, env_var_names=("SECRET_KEY", "DATABASE_URL"))

    assert "SECRET_KEY: generated by Pushpaka at the first deployment" in before
    assert "NODE_ENV, WORKERS: default from the repository, unless the project sets it" in before
    assert "the repository requires DATABASE_URL (not set)" in before
    assert not [line for line in after if "generated by Pushpaka at" in line or "not set" in line]
