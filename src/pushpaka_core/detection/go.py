"""Go programs: the package to build, and the Go version."""

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from attrs import frozen

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.documents import first_matching_file, repository_path
from pushpaka_core.detection.env_var_scan import find_env_vars
from pushpaka_core.detection.steps import detected_step, detected_steps
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.version_files import (
    mise_source,
    pattern_source,
    requested_version,
    tool_versions_source,
)
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Evidence, RejectedCandidate

MODULE, WORKSPACE, MAIN = "go.mod", "go.work", "main.go"
TRIGGERS = (MODULE, WORKSPACE, MAIN)
PROGRAM = "bin/app"

_BUILD = "go build -trimpath -ldflags='-s -w'"
_PREFERRED = ("server", "web", "api", "app", "http", "httpd", "serve")
_MAIN_PACKAGE = re.compile(r"^package[ \t]+main\b", re.MULTILINE)
_IGNORED = re.compile(r"^//go:build[ \t]+ignore\b", re.MULTILINE)
_USE = re.compile(r"^[ \t]*(?:use[ \t]+)?(?P<directory>\.[\w./-]*)[ \t]*(?://.*)?$", re.MULTILINE)
_FRAMEWORKS: Mapping[str, str] = {
    "github.com/gin-gonic/gin": "gin",
    "github.com/labstack/echo": "echo",
    "github.com/gofiber/fiber": "fiber",
}
_REQUIRED = re.compile(
    r"^[ \t]*(?:require[ \t]+)?(?P<path>[\w.~/-]+?)(?:/v\d+)?[ \t]+v\d", re.MULTILINE
)
_SOURCES = (
    pattern_source(MODULE, r"^toolchain[ \t]+go(?P<version>\d[\w.]*)"),
    pattern_source(MODULE, r"^go[ \t]+(?P<version>\d[\w.]*)"),
    pattern_source(WORKSPACE, r"^go[ \t]+(?P<version>\d[\w.]*)"),
    tool_versions_source("golang", "go"),
    mise_source("go", "golang"),
)


@frozen(kw_only=True)
class _Program:
    """A `main` package, with its path relative to the application directory."""

    package: str
    evidence: Evidence


def analyze(context: DetectionContext) -> BuildPlan | RejectedCandidate | None:
    """Return a plan for a Go program, a rejection if none can be made, or None for other code."""
    tree = context.tree
    trigger = first_matching_file(tree, TRIGGERS)
    if trigger is None and context.framework is None:
        return None
    programs = tuple(_programs(context))
    if not (programs or context.has_web_command):
        reason = "no main package was found in the top directory, in cmd/ or in a module of go.work"
        return RejectedCandidate(framework=context.framework or "go", reason=reason)
    version = requested_version(context, "Go", _SOURCES)
    framework, listed = _framework(tree)
    chosen = () if context.has_web_command else programs[:1]
    return BuildPlan(
        framework=context.framework or framework,
        language="go",
        language_version=version.text,
        directory=context.directory,
        install=detected_step("go mod download") if _needs_download(context) else None,
        build=detected_steps(_build_command(context, programs)),
        processes={"web": detected_step(f"./{PROGRAM}")} if chosen else {},
        env_names=find_env_vars(tree, (".go",), r"os\.(?:Getenv|LookupEnv)\("),
        evidence=(*(one.evidence for one in chosen), *listed, *version.evidence),
    )


def _build_command(context: DetectionContext, programs: tuple[_Program, ...]) -> str:
    """
    Return the command that builds the first program, or all programs if a web
    command is given.
    """
    if not programs:
        return ""
    if context.has_web_command:
        packages = shlex.join(one.package for one in programs)
        return f"{_BUILD} -o bin/ {packages}"
    return f"{_BUILD} -o {PROGRAM} {shlex.quote(programs[0].package)}"


def _programs(context: DetectionContext) -> Iterator[_Program]:
    """Yield the programs of the module, or of all modules in go.work, best candidate first."""
    tree = context.tree
    if not _is_in_module(context):
        if tree.exists(MAIN):
            evidence = Evidence(reason="main.go is a standalone program", path=MAIN)
            yield _Program(package=MAIN, evidence=evidence)
        return
    modules = (".", *_workspace_modules(tree))
    mains = _main_packages(tree, modules)
    for module in modules:
        commands = [one for one in mains if _is_command(one, module)]
        own = [module] if module in mains else []
        for directory in (*own, *sorted(commands, key=_sort_key)):
            yield _Program(
                package=_package_argument(directory),
                evidence=_program_evidence(directory, mains, commands),
            )


def _program_evidence(
    directory: str, main_files: Mapping[str, str], commands: list[str]
) -> Evidence:
    others = ", ".join(PurePosixPath(one).name for one in commands if one != directory)
    first = f"; other programs: {others}" if others and directory in commands else ""
    description = "the module" if directory == "." else directory
    return Evidence(reason=f"{description} is a main package{first}", path=main_files[directory])


def _main_packages(tree: FileTree, modules: tuple[str, ...]) -> Mapping[str, str]:
    """Return the directories that contain a `main` package, each with the file that declares it."""
    found: dict[str, str] = {}
    for path in tree.paths():
        directory = str(PurePosixPath(path).parent)
        if not path.endswith(".go") or path.endswith("_test.go") or directory in found:
            continue
        if directory in modules or any(_is_command(directory, module) for module in modules):
            text = tree.read(path) or ""
            if _MAIN_PACKAGE.search(text) and not _IGNORED.search(text):
                found[directory] = path
    return found


def _is_command(directory: str, module: str) -> bool:
    return PurePosixPath(directory).parent == PurePosixPath(module, "cmd")


def _workspace_modules(tree: FileTree) -> tuple[str, ...]:
    text = tree.read(WORKSPACE) or ""
    used = (repository_path(".", match["directory"]) for match in _USE.finditer(text))
    return tuple(one for one in dict.fromkeys(used) if one != "." and not one.startswith(".."))


def _sort_key(directory: str) -> tuple[int, str]:
    name = PurePosixPath(directory).name
    return (_PREFERRED.index(name) if name in _PREFERRED else len(_PREFERRED), name)


def _package_argument(directory: str) -> str:
    return "." if directory == "." else f"./{directory}"


def _is_in_module(context: DetectionContext) -> bool:
    own = PurePosixPath(context.directory)
    files = (str(place / name) for place in (own, *own.parents) for name in (MODULE, WORKSPACE))
    return any(map(context.repository.exists, files))


def _needs_download(context: DetectionContext) -> bool:
    return _is_in_module(context) and not context.tree.exists("vendor/modules.txt")


def _framework(tree: FileTree) -> tuple[str, tuple[Evidence, ...]]:
    text = tree.read(MODULE) or ""
    for match in _REQUIRED.finditer(text):
        if name := _FRAMEWORKS.get(match["path"]):
            line = text.count("\n", 0, match.start("path")) + 1
            return name, (Evidence(reason=f"{match['path']} is required", path=MODULE, line=line),)
    return "go", ()
