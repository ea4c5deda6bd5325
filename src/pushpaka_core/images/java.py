"""Java and Kotlin images: built with a JDK and Maven or Gradle, run on a JRE."""

from pushpaka_core.detection.java import OUTPUT
from pushpaka_core.detection.tree import FileTree, subtree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan
from pushpaka_core.images.recipe import CACHE, ImageRecipe, kept_output
from pushpaka_core.images.tags import pinned_version

_DEFAULT_VERSION = "21"
_OLD = "1."
_GRADLE = {"GRADLE_USER_HOME": f"{CACHE}/gradle"}
_MAVEN = {
    "MAVEN_OPTS": f"-Dmaven.repo.local={CACHE}/maven",
    "MAVEN_USER_HOME": f"{CACHE}/maven-wrapper",
}
_MEMORY = "-XX:MaxRAMPercentage=75"


def recipe(plan: BuildPlan, tree: FileTree) -> ImageRecipe:
    """Return the image recipe of a Java or Kotlin plan."""
    version = _version(plan.language_version)
    return ImageRecipe(
        base=_base_image(plan, subtree(tree, plan.directory), version),
        run_base=f"eclipse-temurin:{version}-jre",
        env=_MAVEN if plan.package_manager == "maven" else _GRADLE,
        run_env={"JAVA_OPTS": _MEMORY},
        kept_paths=kept_output(plan, OUTPUT),
    )


def _base_image(plan: BuildPlan, tree: FileTree, version: str) -> str:
    if plan.package_manager == "maven":
        return f"maven:3-eclipse-temurin-{version}"
    if tree.exists("gradlew"):
        return f"eclipse-temurin:{version}-jdk"
    return f"gradle:8-jdk{version}"


def _version(requested_version: str | None) -> str:
    number = pinned_version(requested_version, _DEFAULT_VERSION, parts=2)
    return number.removeprefix(_OLD).split(".")[0]
