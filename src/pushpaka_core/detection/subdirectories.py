"""Finds the application in a subdirectory if the top directory has none."""

from collections.abc import Collection

from attrs import evolve

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Evidence

MANIFESTS = frozenset(
    {
        "deno.json", "deno.jsonc", "go.mod", "go.work", "main.go", "Cargo.toml", "Gemfile",
        "composer.json", "index.php", "pom.xml", "build.gradle", "build.gradle.kts", "mix.exs",
        "Dockerfile", "Staticfile",
    }
)  # fmt: skip
"""Files that identify applications in languages other than Python and Node.js."""
_SKIPPED = frozenset(
    {
        "tests", "test", "e2e", "cypress", "docs", "doc", "examples", "example", "samples",
        "scripts", "tools", "node_modules", "vendor", "notebooks", "benchmarks", "requirements",
    }
)  # fmt: skip


def directories_with(tree: FileTree, names: Collection[str]) -> tuple[str, ...]:
    """
    Return the direct subdirectories with a file in *names*, except those for tests, docs and the
    like.
    """
    split = (path.split("/") for path in tree.paths())
    pairs = (parts for parts in split if len(parts) == 2)
    found = (place for place, name in pairs if name in names and place not in _SKIPPED)
    return tuple(dict.fromkeys(found))


def with_directory_evidence(plan: BuildPlan, directory: str) -> BuildPlan:
    """Return *plan* with the reason for choosing *directory* as additional evidence."""
    evidence = Evidence(reason=f"{directory}/ contains the only application in the repository")
    return evolve(plan, evidence=(evidence, *plan.evidence))
