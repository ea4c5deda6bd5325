"""Programs for .NET: which project is published."""

import re
import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath

from attrs import frozen

from pushpaka_core.detection.documents import first_match
from pushpaka_core.detection.env_reads import env_reads
from pushpaka_core.detection.sayings import Source, matched, mise, said_version, tool_versions
from pushpaka_core.detection.steps import detected, steps
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Rejected

TRIGGERS = ("*.csproj", "*.fsproj", "*.sln", "*.slnx")
OUTPUT = "_published"

_PROJECT_ENDINGS = (".csproj", ".fsproj")
_WEB = re.compile(r"Sdk\s{0,9}=\s{0,9}\"Microsoft\.NET\.Sdk\.Web\"")
_PROGRAM = re.compile(r"<OutputType>\s{0,9}(?:Win)?Exe\s{0,9}<", re.IGNORECASE)
_NAME = re.compile(r"<AssemblyName>\s{0,9}(?P<name>[\w.-]{1,100})\s{0,9}<")
_TEST = re.compile(r"Microsoft\.NET\.Test\.Sdk|<IsTestProject>\s{0,9}true", re.IGNORECASE)
_FRAMEWORK = r"<TargetFrameworks?>\s{0,9}net(?P<version>\d{1,2}\.\d)"
_LISTEN = "ASPNETCORE_URLS=http://${HOST:-0.0.0.0}:$PORT"
_MOST_LEVELS = 3


@frozen(kw_only=True)
class _Project:
    """A project that is a program."""

    path: str
    assembly: str
    is_web: bool


def analyse(question: Question) -> BuildPlan | Rejected | None:
    """Find out which project is the application."""
    tree = question.tree
    if first_match(tree, TRIGGERS) is None and question.framework is None:
        return None
    projects = sorted(_programs(tree), key=lambda one: (not one.is_web, one.path))
    if not projects:
        reason = "no project here is a web application or a program (OutputType Exe)"
        return Rejected(framework=question.framework or "dotnet", reason=reason)
    project = projects[0]
    version = said_version(question, ".NET", tuple(_sources(project.path)))
    path = shlex.quote(project.path)
    return BuildPlan(
        framework=question.framework or "dotnet",
        language="dotnet",
        language_version=version.text,
        package_manager="nuget",
        directory=question.directory,
        install=detected(f"dotnet restore {path}"),
        build=steps(f"dotnet publish {path} --configuration Release --output {OUTPUT}"),
        processes={} if question.has_web else {"web": detected(_start(project))},
        env_names=_env_names(tree),
        evidence=(_evidence(project, projects), *version.evidence),
    )


def _start(project: _Project) -> str:
    return f"{_LISTEN} exec dotnet {OUTPUT}/{shlex.quote(project.assembly)}.dll"


def _evidence(project: _Project, projects: list[_Project]) -> Evidence:
    others = ", ".join(one.path for one in projects if one != project)
    what = "a web application" if project.is_web else "a program"
    also = f"; there are {others} too" if others else ""
    return Evidence(reason=f"it is {what}{also}", path=project.path, line=1)


def _programs(tree: FileTree) -> Iterator[_Project]:
    for path in tree.paths():
        if not path.endswith(_PROJECT_ENDINGS) or path.count("/") > _MOST_LEVELS:
            continue
        text = tree.read(path) or ""
        is_web = _WEB.search(text) is not None
        if (is_web or _PROGRAM.search(text)) and not _TEST.search(text):
            named = _NAME.search(text)
            assembly = named["name"] if named else PurePosixPath(path).stem
            yield _Project(path=path, assembly=assembly, is_web=is_web)


def _sources(project: str) -> Iterator[Source]:
    yield matched("global.json", r'"version"\s{0,9}:\s{0,9}"(?P<version>\d{1,2}\.\d)')
    yield tool_versions("dotnet", "dotnet-core")
    yield mise("dotnet", "dotnet-core")
    yield matched(project, _FRAMEWORK)
    yield matched("Directory.Build.props", _FRAMEWORK)


def _env_names(tree: FileTree) -> tuple[str, ...]:
    return env_reads(tree, (".cs", ".fs"), r"\bEnvironment\.GetEnvironmentVariable\(")
