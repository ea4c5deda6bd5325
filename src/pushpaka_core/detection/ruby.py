"""Ruby applications: Rails, Sinatra, and others that run on Rack."""

import re
from collections.abc import Iterator, Mapping

from attrs import frozen

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.env_var_scan import find_env_vars
from pushpaka_core.detection.front_end_assets import asset_install_command, asset_steps
from pushpaka_core.detection.steps import detected_step, detected_steps
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.version_files import (
    first_line_source,
    mise_source,
    pattern_source,
    requested_version,
    tool_versions_source,
)
from pushpaka_core.domain.pipeline.build_plans import (
    BuildPlan,
    BuildStep,
    Evidence,
    RejectedCandidate,
)

GEMFILE, LOCK, RACK = "Gemfile", "Gemfile.lock", "config.ru"
TRIGGERS = (GEMFILE,)

_GEM = re.compile(r"^[ \t]*gem[ \t(]+['\"](?P<name>[\w.-]+)['\"]", re.MULTILINE)
_LOCKED_GEM = re.compile(r"^ {4}(?P<name>[\w.-]+) \(", re.MULTILINE)
_ASSETS = ("propshaft", "sprockets-rails", "sprockets", "shakapacker", "webpacker", "vite_rails")
_ASSETS_BUILT = ("jsbundling-rails", "cssbundling-rails")
"""Gems that run the `build` script of package.json themselves."""
_PRECOMPILE = "SECRET_KEY_BASE_DUMMY=1 bundle exec rails assets:precompile"
_ADDRESS = "${HOST:-0.0.0.0}"
_RAILS = f"bundle exec rails server -b {_ADDRESS} -p $PORT -P /tmp/server.pid"
_PUMA = f"bundle exec puma -b tcp://{_ADDRESS}:$PORT"
_RACKUP = f"bundle exec rackup -E production -o {_ADDRESS} -p $PORT"
_RACKUP_SERVERS = ("rackup", "falcon", "thin", "webrick", "iodine")
_FILES = ("app.rb", "main.rb", "server.rb", "web.rb", "index.rb", "application.rb")
_SINATRA = re.compile(r"^[ \t]*require[ \t(]+['\"]sinatra['\"]", re.MULTILINE)
_SOURCES = (
    first_line_source(".ruby-version"),
    tool_versions_source("ruby"),
    mise_source("ruby"),
    pattern_source(GEMFILE, r"^[ \t]*ruby[ \t(]+['\"](?P<version>[^'\"\n]{1,60})['\"]"),
    pattern_source(LOCK, r"^RUBY VERSION\n[ ]+ruby (?P<version>\d+(?:\.\d+)*)"),
)


@frozen(kw_only=True)
class _WebCommand:
    """The command that starts the web server, and what in the repository led to it."""

    command: str
    evidence: Evidence


def analyze(context: DetectionContext) -> BuildPlan | RejectedCandidate | None:
    """Return a plan for a Ruby app, a rejection if none can be made, or None for other code."""
    tree = context.tree
    if not tree.exists(GEMFILE):
        return _without_gemfile(context)
    gems = listed_gems(tree)
    web = next(_web_candidates(tree, gems), None)
    if web is None and not context.has_web_command:
        reason = (
            "the Gemfile does not list rails, and there is no config.ru with a server such as puma"
        )
        return RejectedCandidate(framework=context.framework or "ruby", reason=reason)
    named = next((one for one in ("rails", "sinatra") if one in gems), None)
    plain = "rack" if tree.exists(RACK) else "ruby"
    version = requested_version(context, "Ruby", _SOURCES)
    build, reasons = _asset_steps(tree, gems)
    return BuildPlan(
        framework=context.framework or named or plain,
        language="ruby",
        language_version=version.text,
        package_manager="bundler",
        directory=context.directory,
        install=detected_step("bundle install"),
        build=build,
        processes={"web": detected_step(web.command)}
        if web and not context.has_web_command
        else {},
        env_names=find_env_vars(tree, (".rb", ".ru", ".yml"), r"\bENV(?:\[|\.fetch\()"),
        evidence=(
            *((gems[named],) if named else ()),
            *((web.evidence,) if web and not context.has_web_command else ()),
            *reasons,
            *version.evidence,
        ),
    )


def listed_gems(tree: FileTree) -> Mapping[str, Evidence]:
    """Return the gems of an application, each with the line that lists it first."""
    found: dict[str, Evidence] = {}
    for path, pattern in ((GEMFILE, _GEM), (LOCK, _LOCKED_GEM)):
        text = tree.read(path) or ""
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start("name")) + 1
            evidence = Evidence(reason=f"{match['name']} is listed", path=path, line=line)
            found.setdefault(match["name"], evidence)
    return found


def _without_gemfile(context: DetectionContext) -> RejectedCandidate | None:
    if context.framework is None:
        return None
    return RejectedCandidate(framework=context.framework, reason="there is no Gemfile")


def _web_candidates(tree: FileTree, gems: Mapping[str, Evidence]) -> Iterator[_WebCommand]:
    if "rails" in gems:
        evidence = Evidence(reason="Rails includes a server", path=GEMFILE)
        yield _WebCommand(command=_RAILS, evidence=evidence)
    if tree.exists(RACK):
        evidence = Evidence(reason="config.ru defines the application", path=RACK)
        if "puma" in gems:
            yield _WebCommand(command=_PUMA, evidence=evidence)
        elif any(server in gems for server in _RACKUP_SERVERS):
            yield _WebCommand(command=_RACKUP, evidence=evidence)
    for path in _FILES if "sinatra" in gems else ():
        if _SINATRA.search(tree.read(path) or ""):
            evidence = Evidence(reason=f"{path} is a Sinatra application", path=path)
            command = f"bundle exec ruby {path} -e production -o {_ADDRESS} -p $PORT"
            yield _WebCommand(command=command, evidence=evidence)


def _asset_steps(
    tree: FileTree, gems: Mapping[str, Evidence]
) -> tuple[tuple[BuildStep, ...], tuple[Evidence, ...]]:
    """Return the steps that build the front-end assets, and the reasons."""
    built = next((gems[name] for name in _ASSETS_BUILT if name in gems), None)
    assets = next((gems[name] for name in _ASSETS if name in gems), built)
    if "rails" not in gems or assets is None:
        return asset_steps(tree)
    return detected_steps(asset_install_command(tree), _PRECOMPILE), (assets,)
