"""Applications in Ruby: Rails, Sinatra, and whatever else Rack can serve."""

import re
from collections.abc import Iterator, Mapping

from attrs import frozen

from pushpaka_core.detection.env_reads import env_reads
from pushpaka_core.detection.sayings import first_line, matched, mise, said_version, tool_versions
from pushpaka_core.detection.scripts import asset_install, asset_steps
from pushpaka_core.detection.steps import detected, steps
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Rejected, Step

GEMFILE, LOCK, RACK = "Gemfile", "Gemfile.lock", "config.ru"
TRIGGERS = (GEMFILE,)

_GEM = re.compile(r"^[ \t]*gem[ \t(]+['\"](?P<name>[\w.-]+)['\"]", re.MULTILINE)
_LOCKED = re.compile(r"^ {4}(?P<name>[\w.-]+) \(", re.MULTILINE)
_ASSETS = ("propshaft", "sprockets-rails", "sprockets", "shakapacker", "webpacker", "vite_rails")
_ASSETS_BUILT = ("jsbundling-rails", "cssbundling-rails")
"""They run the script `build` of the package.json themselves."""
_PRECOMPILE = "SECRET_KEY_BASE_DUMMY=1 bundle exec rails assets:precompile"
_ADDRESS = "${HOST:-0.0.0.0}"
_RAILS = f"bundle exec rails server -b {_ADDRESS} -p $PORT -P /tmp/server.pid"
_PUMA = f"bundle exec puma -b tcp://{_ADDRESS}:$PORT"
_RACKUP = f"bundle exec rackup -E production -o {_ADDRESS} -p $PORT"
_RACKUP_SERVERS = ("rackup", "falcon", "thin", "webrick", "iodine")
_FILES = ("app.rb", "main.rb", "server.rb", "web.rb", "index.rb", "application.rb")
_SINATRA = re.compile(r"^[ \t]*require[ \t(]+['\"]sinatra['\"]", re.MULTILINE)
_SOURCES = (
    first_line(".ruby-version"),
    tool_versions("ruby"),
    mise("ruby"),
    matched(GEMFILE, r"^[ \t]*ruby[ \t(]+['\"](?P<version>[^'\"\n]{1,60})['\"]"),
    matched(LOCK, r"^RUBY VERSION\n[ ]+ruby (?P<version>\d+(?:\.\d+)*)"),
)


@frozen(kw_only=True)
class _Web:
    """What answers requests, and why it is thought to."""

    command: str
    evidence: Evidence


def analyse(question: Question) -> BuildPlan | Rejected | None:
    """Find out what serves a Ruby application."""
    tree = question.tree
    if not tree.exists(GEMFILE):
        return _without_gemfile(question)
    gems = listed_gems(tree)
    web = next(_webs(tree, gems), None)
    if web is None and not question.has_web:
        reason = "the Gemfile lists no rails, and there is no config.ru with a server such as puma"
        return Rejected(framework=question.framework or "ruby", reason=reason)
    named = next((one for one in ("rails", "sinatra") if one in gems), None)
    plain = "rack" if tree.exists(RACK) else "ruby"
    version = said_version(question, "Ruby", _SOURCES)
    build, reasons = _build(tree, gems)
    return BuildPlan(
        framework=question.framework or named or plain,
        language="ruby",
        language_version=version.text,
        package_manager="bundler",
        directory=question.directory,
        install=detected("bundle install"),
        build=build,
        processes={"web": detected(web.command)} if web and not question.has_web else {},
        env_names=env_reads(tree, (".rb", ".ru", ".yml"), r"\bENV(?:\[|\.fetch\()"),
        evidence=(
            *((gems[named],) if named else ()),
            *((web.evidence,) if web and not question.has_web else ()),
            *reasons,
            *version.evidence,
        ),
    )


def listed_gems(tree: FileTree) -> Mapping[str, Evidence]:
    """Return the gems that an application has, each with the place that says so first."""
    found: dict[str, Evidence] = {}
    for path, pattern in ((GEMFILE, _GEM), (LOCK, _LOCKED)):
        text = tree.read(path) or ""
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start("name")) + 1
            evidence = Evidence(reason=f"{match['name']} is listed", path=path, line=line)
            found.setdefault(match["name"], evidence)
    return found


def _without_gemfile(question: Question) -> Rejected | None:
    if question.framework is None:
        return None
    return Rejected(framework=question.framework, reason="there is no Gemfile")


def _webs(tree: FileTree, gems: Mapping[str, Evidence]) -> Iterator[_Web]:
    if "rails" in gems:
        evidence = Evidence(reason="Rails has a server of its own", path=GEMFILE)
        yield _Web(command=_RAILS, evidence=evidence)
    if tree.exists(RACK):
        evidence = Evidence(reason="config.ru says what answers", path=RACK)
        if "puma" in gems:
            yield _Web(command=_PUMA, evidence=evidence)
        elif any(server in gems for server in _RACKUP_SERVERS):
            yield _Web(command=_RACKUP, evidence=evidence)
    for path in _FILES if "sinatra" in gems else ():
        if _SINATRA.search(tree.read(path) or ""):
            evidence = Evidence(reason=f"{path} is a Sinatra application", path=path)
            command = f"bundle exec ruby {path} -e production -o {_ADDRESS} -p $PORT"
            yield _Web(command=command, evidence=evidence)


def _build(
    tree: FileTree, gems: Mapping[str, Evidence]
) -> tuple[tuple[Step, ...], tuple[Evidence, ...]]:
    """Return what builds styles and scripts, and why."""
    built = next((gems[name] for name in _ASSETS_BUILT if name in gems), None)
    assets = next((gems[name] for name in _ASSETS if name in gems), built)
    if "rails" not in gems or assets is None:
        return asset_steps(tree)
    return steps(asset_install(tree), _PRECOMPILE), (assets,)
