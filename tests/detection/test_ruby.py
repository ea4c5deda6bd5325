"""What serves a Ruby application."""

import pytest
from tests.detection.image_trees import image_plan
from tests.detection.node_trees import commands, reasons, web

from pushpaka_core.errors import DetectionError


def test_rails_has_its_own_server() -> None:
    """Its assets are compiled without a secret; its pid lies where it can be written."""
    gemfile = 'source "https://rubygems.org"\ngem "rails", "~> 8.0"\ngem "propshaft"\n'

    plan = image_plan({"Gemfile": gemfile, "config.ru": "", ".ruby-version": "ruby-3.4.1\n"})

    assert ("rails", "ruby-3.4.1") == (plan.framework, plan.language_version)
    assert [
        "bundle install",
        "SECRET_KEY_BASE_DUMMY=1 bundle exec rails assets:precompile",
    ] == commands(plan)
    assert "bundle exec rails server -b ${HOST:-0.0.0.0} -p $PORT -P /tmp/server.pid" == web(plan)
    assert "rails is listed (Gemfile:2)" == reasons(plan)[0]


def test_rails_for_an_api_has_no_assets() -> None:
    """Without a gem for them there is no such task."""
    assert ["bundle install"] == commands(image_plan({"Gemfile": "gem 'rails'\n"}))


def test_packages_of_scripts_are_installed_for_bundlers() -> None:
    """The task of Rails builds with what is there."""
    files = {"Gemfile": "gem 'rails'\ngem 'jsbundling-rails'\n", "package.json": "{}"}

    plan = image_plan({**files, "yarn.lock": ""})

    assert "npx --yes yarn@1.22.22 install --frozen-lockfile" == commands(plan)[1]


@pytest.mark.parametrize(
    ("gems", "command"),
    [
        (["sinatra", "puma"], "bundle exec puma -b tcp://${HOST:-0.0.0.0}:$PORT"),
        (["roda", "rackup"], "bundle exec rackup -E production -o ${HOST:-0.0.0.0} -p $PORT"),
    ],
)
def test_rack_is_served_by_what_is_listed(gems: list[str], command: str) -> None:
    """Puma comes first."""
    gemfile = "".join(f"gem '{gem}'\n" for gem in gems)

    assert command == web(image_plan({"Gemfile": gemfile, "config.ru": ""}))


def test_sinatra_file_serves_itself() -> None:
    """It has a server, so that no config.ru is needed."""
    files = {"Gemfile": "gem 'sinatra'\n", "app.rb": "require 'sinatra'\nget('/') { 'Hi' }\n"}

    plan = image_plan(files)

    assert "sinatra" == plan.framework
    assert "bundle exec ruby app.rb -e production -o ${HOST:-0.0.0.0} -p $PORT" == web(plan)


def test_locked_gems_count_as_listed() -> None:
    """What a gemspec asks for stands in the lock file alone; so does the version of Ruby."""
    lock = (
        "GEM\n  specs:\n    puma (6.4.2)\n      nio4r (~> 2.0)\n\nRUBY VERSION\n   ruby 3.3.5p100\n"
    )

    plan = image_plan({"Gemfile": "gemspec\n", "Gemfile.lock": lock, "config.ru": ""})

    assert ("rack", "3.3.5") == (plan.framework, plan.language_version)
    assert "bundle exec puma" in web(plan)


def test_names_are_exact() -> None:
    """rails-i18n is not Rails."""
    with pytest.raises(DetectionError, match="the Gemfile lists no rails"):
        image_plan({"Gemfile": "gem 'rails-i18n'\n"})


def test_version_of_the_gemfile_is_taken() -> None:
    """Bundler insists on it."""
    files = {"Gemfile": "ruby '~> 3.3.0'\ngem 'rails'\n"}

    plan = image_plan(files)

    assert "~> 3.3.0" == plan.language_version
    assert "Ruby ~> 3.3.0 is asked for (Gemfile:1)" in reasons(plan)


def test_command_of_a_procfile_is_taken() -> None:
    """Gems are installed for it all the same."""
    files = {"Gemfile": "gem 'rack'\n", "Procfile": "web: bundle exec falcon serve\n"}

    plan = image_plan(files)

    assert ("ruby", ["bundle install"]) == (plan.language, commands(plan))
    assert "bundle exec falcon serve" == web(plan)


def test_package_json_for_styles_does_not_make_it_a_node_application() -> None:
    """Ruby comes first."""
    files = {"Gemfile": "gem 'rails'\n", "package.json": '{"scripts": {"start": "node a.js"}}'}

    assert "rails" == image_plan(files).framework
