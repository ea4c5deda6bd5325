"""Programs in Rust: which binary of a crate or workspace is built."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import PurePosixPath

from attrs import frozen

from pushpaka_core.detection.documents import inside, line_of, read_toml, strings, table, tables
from pushpaka_core.detection.env_reads import env_reads
from pushpaka_core.detection.sayings import first_line, matched, mise, said_version, tool_versions
from pushpaka_core.detection.steps import detected, steps
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Rejected

MANIFEST, LOCK = "Cargo.toml", "Cargo.lock"
TRIGGERS = (MANIFEST,)

_PREFERRED = ("server", "web", "api", "app", "backend")
_NAME = re.compile(r"[A-Za-z_][\w-]{0,63}")
_MOST_PATTERNS = 200
_MOST_DIRECTORIES = 2_000
_FRAMEWORKS: Mapping[str, str] = {"axum": "axum", "actix-web": "actix", "rocket": "rocket"}
_SOURCES = (
    matched("rust-toolchain.toml", r"^channel[ \t]*=[ \t]*\"(?P<version>[^\"\n]{1,60})\""),
    matched("rust-toolchain", r"^channel[ \t]*=[ \t]*\"(?P<version>[^\"\n]{1,60})\""),
    first_line("rust-toolchain"),
    tool_versions("rust"),
    mise("rust"),
)


@frozen(kw_only=True)
class _Binary:
    """A program that Cargo builds, and the manifest that says so."""

    name: str
    path: str
    line: int | None


def analyse(question: Question) -> BuildPlan | Rejected | None:
    """Find out which binary is meant."""
    tree = question.tree
    if not tree.exists(MANIFEST):
        if question.framework is None:
            return None
        return Rejected(framework=question.framework, reason=f"there is no {MANIFEST}")
    manifests = dict(_manifests(tree))
    binaries = tuple(_binaries(tree, manifests))
    if not (binaries or question.has_web):
        return Rejected(framework=question.framework or "rust", reason="no crate has a src/main.rs")
    chosen = None if question.has_web else _preferred(binaries, manifests[MANIFEST])
    framework, listed = _framework(tree, manifests)
    version = said_version(question, "Rust", _SOURCES)
    locked = " --locked" if tree.exists(LOCK) else ""
    return BuildPlan(
        framework=question.framework or framework,
        language="rust",
        language_version=version.text,
        directory=question.directory,
        install=detected(f"cargo fetch{locked}"),
        build=steps(_build(locked, (chosen,) if chosen else binaries)),
        processes={"web": detected(f"./bin/{chosen.name}")} if chosen else {},
        env_names=env_reads(tree, (".rs",), r"\benv::var(?:_os)?\(|\benv!\("),
        evidence=(*(_evidence(chosen, binaries) if chosen else ()), *listed, *version.evidence),
    )


def _build(locked: str, binaries: tuple[_Binary, ...]) -> str:
    """Return what builds, and puts aside what is run: the rest is large."""
    if not binaries:
        return f"cargo build --release{locked}"
    chosen = " ".join(f"--bin {one.name}" for one in binaries)
    built = " ".join(f'"${{CARGO_TARGET_DIR:-target}}/release/{one.name}"' for one in binaries)
    return f"cargo build --release{locked} {chosen} && install -D -t bin {built}"


def _manifests(tree: FileTree) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield the manifest and those of the members of its workspace."""
    root = read_toml(tree, MANIFEST)
    yield MANIFEST, root
    members = strings(table(root, "workspace").get("members"))[:_MOST_PATTERNS]
    patterns = [inside(".", pattern) for pattern in members]
    manifests = (path for path in tree.paths() if path.endswith(f"/{MANIFEST}"))
    for path in islice(manifests, _MOST_DIRECTORIES):
        directory = str(PurePosixPath(path).parent)
        if any(_fits(directory, pattern) for pattern in patterns):
            yield path, read_toml(tree, path)


def _fits(directory: str, pattern: str) -> bool:
    return directory.count("/") == pattern.count("/") and fnmatchcase(directory, pattern)


def _binaries(tree: FileTree, manifests: Mapping[str, Mapping[str, object]]) -> Iterator[_Binary]:
    for path, manifest in manifests.items():
        directory = str(PurePosixPath(path).parent)
        package = table(manifest, "package").get("name")
        named = [one.get("name") for one in tables(manifest.get("bin"))]
        if not named and tree.exists(inside(directory, "src/main.rs")):
            named = [package]
        for name in named:
            if isinstance(name, str) and _NAME.fullmatch(name):
                line = line_of(tree.read(path) or "", f'"{name}"')
                yield _Binary(name=name, path=path, line=line)


def _preferred(binaries: tuple[_Binary, ...], root: Mapping[str, object]) -> _Binary:
    said = table(root, "package").get("default-run")
    usual = [word for word in (said, *_PREFERRED) if isinstance(word, str)]
    by_name = {one.name: one for one in binaries}
    return next((by_name[name] for name in usual if name in by_name), binaries[0])


def _evidence(chosen: _Binary, binaries: tuple[_Binary, ...]) -> tuple[Evidence, ...]:
    others = ", ".join(one.name for one in binaries if one != chosen)
    also = f"; there are {others} too" if others else ""
    reason = f"{chosen.name} is a program{also}"
    return (Evidence(reason=reason, path=chosen.path, line=chosen.line),)


def _framework(
    tree: FileTree, manifests: Mapping[str, Mapping[str, object]]
) -> tuple[str, tuple[Evidence, ...]]:
    for path, manifest in manifests.items():
        for package, name in _FRAMEWORKS.items():
            if package in table(manifest, "dependencies"):
                line = line_of(tree.read(path) or "", package)
                return name, (Evidence(reason=f"{package} is listed", path=path, line=line),)
    return "rust", ()
