"""Rust programs: the binary of a crate or workspace to build."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import PurePosixPath

from attrs import frozen

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.documents import (
    line_of,
    read_toml,
    repository_path,
    strings,
    table_at,
    tables,
)
from pushpaka_core.detection.env_var_scan import find_env_vars
from pushpaka_core.detection.steps import detected_step, detected_steps
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.version_files import (
    first_line_source,
    mise_source,
    pattern_source,
    requested_version,
    tool_versions_source,
)
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Evidence, RejectedCandidate

MANIFEST, LOCK = "Cargo.toml", "Cargo.lock"
TRIGGERS = (MANIFEST,)

_PREFERRED = ("server", "web", "api", "app", "backend")
_NAME = re.compile(r"[A-Za-z_][\w-]{0,63}")
_MAX_PATTERNS = 200
_MAX_DIRECTORIES = 2_000
_FRAMEWORKS: Mapping[str, str] = {"axum": "axum", "actix-web": "actix", "rocket": "rocket"}
_SOURCES = (
    pattern_source("rust-toolchain.toml", r"^channel[ \t]*=[ \t]*\"(?P<version>[^\"\n]{1,60})\""),
    pattern_source("rust-toolchain", r"^channel[ \t]*=[ \t]*\"(?P<version>[^\"\n]{1,60})\""),
    first_line_source("rust-toolchain"),
    tool_versions_source("rust"),
    mise_source("rust"),
)


@frozen(kw_only=True)
class _Binary:
    """A binary that Cargo builds, and where its manifest declares it."""

    name: str
    path: str
    line: int | None


def analyze(context: DetectionContext) -> BuildPlan | RejectedCandidate | None:
    """Return a plan for a Rust program, a rejection if none can be made, or None for other code."""
    tree = context.tree
    if not tree.exists(MANIFEST):
        if context.framework is None:
            return None
        return RejectedCandidate(framework=context.framework, reason=f"there is no {MANIFEST}")
    manifests = dict(_manifests(tree))
    binaries = tuple(_binaries(tree, manifests))
    if not (binaries or context.has_web_command):
        return RejectedCandidate(
            framework=context.framework or "rust", reason="no crate has a src/main.rs"
        )
    chosen = None if context.has_web_command else _preferred_binary(binaries, manifests[MANIFEST])
    framework, listed = _framework(tree, manifests)
    version = requested_version(context, "Rust", _SOURCES)
    locked = " --locked" if tree.exists(LOCK) else ""
    return BuildPlan(
        framework=context.framework or framework,
        language="rust",
        language_version=version.text,
        directory=context.directory,
        install=detected_step(f"cargo fetch{locked}"),
        build=detected_steps(_build_command(locked, (chosen,) if chosen else binaries)),
        processes={"web": detected_step(f"./bin/{chosen.name}")} if chosen else {},
        env_names=find_env_vars(tree, (".rs",), r"\benv::var(?:_os)?\(|\benv!\("),
        evidence=(*(_evidence(chosen, binaries) if chosen else ()), *listed, *version.evidence),
    )


def _build_command(locked_flag: str, binaries: tuple[_Binary, ...]) -> str:
    """
    Return the command that builds the binaries and copies them to bin/.

    The target directory is too large to keep in an image.
    """
    if not binaries:
        return f"cargo build --release{locked_flag}"
    chosen = " ".join(f"--bin {one.name}" for one in binaries)
    built = " ".join(f'"${{CARGO_TARGET_DIR:-target}}/release/{one.name}"' for one in binaries)
    return f"cargo build --release{locked_flag} {chosen} && install -D -t bin {built}"


def _manifests(tree: FileTree) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield the manifests of the root and of the workspace members."""
    root = read_toml(tree, MANIFEST)
    yield MANIFEST, root
    members = strings(table_at(root, "workspace").get("members"))[:_MAX_PATTERNS]
    patterns = [repository_path(".", pattern) for pattern in members]
    manifests = (path for path in tree.paths() if path.endswith(f"/{MANIFEST}"))
    for path in islice(manifests, _MAX_DIRECTORIES):
        directory = str(PurePosixPath(path).parent)
        if any(_matches(directory, pattern) for pattern in patterns):
            yield path, read_toml(tree, path)


def _matches(directory: str, pattern: str) -> bool:
    return directory.count("/") == pattern.count("/") and fnmatchcase(directory, pattern)


def _binaries(tree: FileTree, manifests: Mapping[str, Mapping[str, object]]) -> Iterator[_Binary]:
    for path, manifest in manifests.items():
        directory = str(PurePosixPath(path).parent)
        package = table_at(manifest, "package").get("name")
        named = [one.get("name") for one in tables(manifest.get("bin"))]
        if not named and tree.exists(repository_path(directory, "src/main.rs")):
            named = [package]
        for name in named:
            if isinstance(name, str) and _NAME.fullmatch(name):
                line = line_of(tree.read(path) or "", f'"{name}"')
                yield _Binary(name=name, path=path, line=line)


def _preferred_binary(binaries: tuple[_Binary, ...], root: Mapping[str, object]) -> _Binary:
    default_program = table_at(root, "package").get("default-run")
    usual = [word for word in (default_program, *_PREFERRED) if isinstance(word, str)]
    by_name = {one.name: one for one in binaries}
    return next((by_name[name] for name in usual if name in by_name), binaries[0])


def _evidence(chosen_binary: _Binary, binaries: tuple[_Binary, ...]) -> tuple[Evidence, ...]:
    others = ", ".join(one.name for one in binaries if one != chosen_binary)
    also = f"; other binaries: {others}" if others else ""
    reason = f"{chosen_binary.name} is a binary{also}"
    return (Evidence(reason=reason, path=chosen_binary.path, line=chosen_binary.line),)


def _framework(
    tree: FileTree, manifests: Mapping[str, Mapping[str, object]]
) -> tuple[str, tuple[Evidence, ...]]:
    for path, manifest in manifests.items():
        for package, name in _FRAMEWORKS.items():
            if package in table_at(manifest, "dependencies"):
                line = line_of(tree.read(path) or "", package)
                return name, (Evidence(reason=f"{package} is listed", path=path, line=line),)
    return "rust", ()
