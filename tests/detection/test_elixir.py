"""Which release of an Elixir application is made."""

import pytest
from tests.detection.image_trees import image_plan
from tests.detection.node_trees import commands, reasons, web

from pushpaka_core.errors import DetectionError

MIX = '  def project do\n    [\n      app: :shop,\n      elixir: "~> 1.15",\n'
PHOENIX = f'{MIX}      aliases: ["assets.deploy": ["x"]],\n      deps: [{{:phoenix, "~> 1.8"}}]\n'


def test_phoenix_is_released_with_its_assets() -> None:
    """The release is started by its own script."""
    plan = image_plan({"mix.exs": PHOENIX, "mix.lock": ""})

    assert ("phoenix", "~> 1.15") == (plan.framework, plan.language_version)
    assert [
        "mix deps.get --only prod",
        "mix assets.deploy",
        "mix release --overwrite --path _release",
    ] == commands(plan)
    assert "_release/bin/shop start" == web(plan)
    assert "it is released as shop (mix.exs:3)" in reasons(plan)


def test_application_without_dependencies_fetches_none() -> None:
    """There is nothing to install."""
    plan = image_plan({"mix.exs": MIX, ".tool-versions": "elixir 1.17.3-otp-27\n"})

    assert ("elixir", "1.17.3-otp-27") == (plan.framework, plan.language_version)
    assert plan.install is None


def test_named_release_is_made() -> None:
    """It may be called otherwise than the application."""
    mix = f"{MIX}      releases: [\n        store: [applications: []]\n      ]\n"

    assert "_release/bin/store start" == web(image_plan({"mix.exs": mix}))


def test_project_without_a_name_is_told() -> None:
    """Nothing can be released."""
    with pytest.raises(DetectionError, match="names no application"):
        image_plan({"mix.exs": "defmodule Shop do\nend\n"})
