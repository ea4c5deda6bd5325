"""Programs in Go: which of a module's packages is built, and what it is made with."""

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from attrs import frozen

from pushpaka_core.detection.documents import first_match, inside
from pushpaka_core.detection.env_reads import env_reads
from pushpaka_core.detection.sayings import matched, mise, said_version, tool_versions
from pushpaka_core.detection.steps import detected, steps
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Rejected

MODULE, WORKSPACE, MAIN = "go.mod", "go.work", "main.go"
TRIGGERS = (MODULE, WORKSPACE, MAIN)
PROGRAM = "bin/app"

_BUILD = "go build -trimpath -ldflags='-s -w'"
_PREFERRED = ("server", "web", "api", "app", "http", "httpd", "serve")
_MAIN_PACKAGE = re.compile(r"^package[ \t]+main\b", re.MULTILINE)
_NOT_BUILT = re.compile(r"^//go:build[ \t]+ignore\b", re.MULTILINE)
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
    matched(MODULE, r"^toolchain[ \t]+go(?P<version>\d[\w.]*)"),
    matched(MODULE, r"^go[ \t]+(?P<version>\d[\w.]*)"),
    matched(WORKSPACE, r"^go[ \t]+(?P<version>\d[\w.]*)"),
    tool_versions("golang", "go"),
    mise("go", "golang"),
)


@frozen(kw_only=True)
class _Program:
    """A package that is a program, relative to the application's directory."""

    package: str
    evidence: Evidence


def analyse(question: Question) -> BuildPlan | Rejected | None:
    """Find out which program of a module is meant."""
    tree = question.tree
    trigger = first_match(tree, TRIGGERS)
    if trigger is None and question.framework is None:
        return None
    programs = tuple(_programs(question))
    if not (programs or question.has_web):
        reason = "no package main was found here, in cmd/ or in a module of go.work"
        return Rejected(framework=question.framework or "go", reason=reason)
    version = said_version(question, "Go", _SOURCES)
    framework, listed = _framework(tree)
    chosen = () if question.has_web else programs[:1]
    return BuildPlan(
        framework=question.framework or framework,
        language="go",
        language_version=version.text,
        directory=question.directory,
        install=detected("go mod download") if _downloads(question) else None,
        build=steps(_build(question, programs)),
        processes={"web": detected(f"./{PROGRAM}")} if chosen else {},
        env_names=env_reads(tree, (".go",), r"os\.(?:Getenv|LookupEnv)\("),
        evidence=(*(one.evidence for one in chosen), *listed, *version.evidence),
    )


def _build(question: Question, programs: tuple[_Program, ...]) -> str:
    """Return what builds the one program, or all of them where somebody else says which runs."""
    if not programs:
        return ""
    if question.has_web:
        packages = shlex.join(one.package for one in programs)
        return f"{_BUILD} -o bin/ {packages}"
    return f"{_BUILD} -o {PROGRAM} {shlex.quote(programs[0].package)}"


def _programs(question: Question) -> Iterator[_Program]:
    """Yield the programs of the module, or of all modules, the likeliest first."""
    tree = question.tree
    if not _is_in_module(question):
        if tree.exists(MAIN):
            evidence = Evidence(reason="main.go is a program by itself", path=MAIN)
            yield _Program(package=MAIN, evidence=evidence)
        return
    modules = (".", *_used(tree))
    mains = _main_packages(tree, modules)
    for module in modules:
        commands = [one for one in mains if _is_command(one, module)]
        own = [module] if module in mains else []
        for directory in (*own, *sorted(commands, key=_preference)):
            yield _Program(package=_package(directory), evidence=_found(directory, mains, commands))


def _found(directory: str, mains: Mapping[str, str], commands: list[str]) -> Evidence:
    others = ", ".join(PurePosixPath(one).name for one in commands if one != directory)
    first = f"; there are {others} too" if others and directory in commands else ""
    what = "the module" if directory == "." else directory
    return Evidence(reason=f"{what} is a program{first}", path=mains[directory])


def _main_packages(tree: FileTree, modules: tuple[str, ...]) -> Mapping[str, str]:
    """Return the directories that hold a program, each with a file that says so."""
    found: dict[str, str] = {}
    for path in tree.paths():
        directory = str(PurePosixPath(path).parent)
        if not path.endswith(".go") or path.endswith("_test.go") or directory in found:
            continue
        if directory in modules or any(_is_command(directory, module) for module in modules):
            text = tree.read(path) or ""
            if _MAIN_PACKAGE.search(text) and not _NOT_BUILT.search(text):
                found[directory] = path
    return found


def _is_command(directory: str, module: str) -> bool:
    return PurePosixPath(directory).parent == PurePosixPath(module, "cmd")


def _used(tree: FileTree) -> tuple[str, ...]:
    text = tree.read(WORKSPACE) or ""
    used = (inside(".", match["directory"]) for match in _USE.finditer(text))
    return tuple(one for one in dict.fromkeys(used) if one != "." and not one.startswith(".."))


def _preference(directory: str) -> tuple[int, str]:
    name = PurePosixPath(directory).name
    return (_PREFERRED.index(name) if name in _PREFERRED else len(_PREFERRED), name)


def _package(directory: str) -> str:
    return "." if directory == "." else f"./{directory}"


def _is_in_module(question: Question) -> bool:
    own = PurePosixPath(question.directory)
    files = (str(place / name) for place in (own, *own.parents) for name in (MODULE, WORKSPACE))
    return any(map(question.repository.exists, files))


def _downloads(question: Question) -> bool:
    return _is_in_module(question) and not question.tree.exists("vendor/modules.txt")


def _framework(tree: FileTree) -> tuple[str, tuple[Evidence, ...]]:
    text = tree.read(MODULE) or ""
    for match in _REQUIRED.finditer(text):
        if name := _FRAMEWORKS.get(match["path"]):
            line = text.count("\n", 0, match.start("path")) + 1
            return name, (Evidence(reason=f"{match['path']} is required", path=MODULE, line=line),)
    return "go", ()
