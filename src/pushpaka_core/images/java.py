"""Images for the Java machine: built by a JDK with Maven or Gradle, run by a JRE."""

from pushpaka_core.detection.java import OUTPUT
from pushpaka_core.detection.tree import FileTree, below
from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.images.recipe import CACHE, Recipe, kept_output
from pushpaka_core.images.tags import pinned

_USUAL = "21"
_OLD = "1."
_GRADLE = {"GRADLE_USER_HOME": f"{CACHE}/gradle"}
_MAVEN = {
    "MAVEN_OPTS": f"-Dmaven.repo.local={CACHE}/maven",
    "MAVEN_USER_HOME": f"{CACHE}/maven-wrapper",
}
_MEMORY = "-XX:MaxRAMPercentage=75"


def recipe(plan: BuildPlan, tree: FileTree) -> Recipe:
    """Return how an image for a plan in Java or Kotlin is made."""
    version = _version(plan.language_version)
    return Recipe(
        base=_base(plan, below(tree, plan.directory), version),
        run_base=f"eclipse-temurin:{version}-jre",
        env=_MAVEN if plan.package_manager == "maven" else _GRADLE,
        run_env={"JAVA_OPTS": _MEMORY},
        kept=kept_output(plan, OUTPUT),
    )


def _base(plan: BuildPlan, tree: FileTree, version: str) -> str:
    if plan.package_manager == "maven":
        return f"maven:3-eclipse-temurin-{version}"
    if tree.exists("gradlew"):
        return f"eclipse-temurin:{version}-jdk"
    return f"gradle:8-jdk{version}"


def _version(wanted: str | None) -> str:
    number = pinned(wanted, _USUAL, parts=2)
    return number.removeprefix(_OLD).split(".")[0]
