"""Java and Kotlin applications built with Maven or Gradle."""

import re
from collections.abc import Mapping

from attrs import frozen

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.documents import first_matching_file, line_of
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

POM = "pom.xml"
GRADLE = ("build.gradle", "build.gradle.kts")
TRIGGERS = (POM, *GRADLE)
OUTPUT = "_built"
"""The directory that holds everything needed to run the application."""

_JAR = f"{OUTPUT}/app.jar"
_RUN = "exec java $JAVA_OPTS"
_SPRING = "org.springframework.boot"
_FRAMEWORKS: Mapping[str, str] = {_SPRING: "spring", "io.quarkus": "quarkus", "io.ktor": "kotlin"}
_KOTLIN = re.compile(r"kotlin\(\"jvm\"\)|org\.jetbrains\.kotlin|kotlin-maven-plugin")
_SOURCES = (
    first_line_source(".java-version"),
    tool_versions_source("java"),
    mise_source("java"),
    pattern_source(
        "system.properties", r"^java\.runtime\.version[ \t]*=[ \t]*(?P<version>\S{1,40})"
    ),
    pattern_source(
        POM, r"<(?:java\.version|maven\.compiler\.(?:release|target))>(?P<version>[\d.]{1,9})<"
    ),
    *(
        pattern_source(name, r"(?:JavaLanguageVersion\.of|jvmToolchain)\((?P<version>\d{1,2})\)")
        for name in GRADLE
    ),
    *(
        pattern_source(name, r"JavaVersion\.VERSION_(?:1_)?(?P<version>\d{1,2})\b")
        for name in GRADLE
    ),
)


@frozen(kw_only=True)
class _BuildMethod:
    """A build command that fills the output directory, and the matching start command."""

    build: str
    start: str
    reason: str


def analyze(context: DetectionContext) -> BuildPlan | RejectedCandidate | None:
    """
    Return a plan for a Java or Kotlin application, a rejection if none can be made, or None for
    other code.
    """
    tree = context.tree
    path = first_matching_file(tree, TRIGGERS)
    if path is None:
        if context.framework is None:
            return None
        reason = f"there is no {POM} and no {GRADLE[0]}"
        return RejectedCandidate(framework=context.framework, reason=reason)
    text = tree.read(path) or ""
    way = _maven(tree, text) if path == POM else _gradle(tree, text)
    if way is None and not context.has_web_command:
        reason = (
            f"{path} exists, but builds nothing that can be started. Add the plugin of Spring"
            " Boot, Quarkus or Ktor, or `application`"
        )
        return RejectedCandidate(framework=context.framework or "java", reason=reason)
    version = requested_version(context, "Java", _SOURCES)
    framework, listed = _framework(path, text)
    tool = _tool_command(tree, path)
    by_others = f"{tool} package" if path == POM else f"{tool} assemble"
    return BuildPlan(
        framework=context.framework or framework,
        language="java",
        language_version=version.text,
        package_manager="maven" if path == POM else "gradle",
        directory=context.directory,
        build=detected_steps(way.build if way and not context.has_web_command else by_others),
        processes={"web": detected_step(way.start)} if way and not context.has_web_command else {},
        env_names=find_env_vars(tree, (".java", ".kt"), r"\bSystem\.getenv\("),
        evidence=(
            *listed,
            *((Evidence(reason=way.reason, path=path),) if way else ()),
            *version.evidence,
        ),
    )


def _tool_command(tree: FileTree, path: str) -> str:
    """Return the command of the repository's wrapper script, or of the tool in the image."""
    if path == POM:
        has_wrapper = tree.exists("mvnw") and tree.exists(".mvn/wrapper/maven-wrapper.properties")
        return ("sh mvnw" if has_wrapper else "mvn") + " --batch-mode -DskipTests"
    return ("sh gradlew" if tree.exists("gradlew") else "gradle") + " --no-daemon -x test"


def _maven(tree: FileTree, text: str) -> _BuildMethod | None:
    build = f"{_tool_command(tree, POM)} package"
    if "quarkus-maven-plugin" in text:
        return _quarkus(build, "target")
    if "<packaging>pom</packaging>" in text or "<packaging>war</packaging>" in text:
        return None
    start = f"{_RUN} -Dserver.port=$PORT -jar {_JAR}" if _SPRING in text else f"{_RUN} -jar {_JAR}"
    return _BuildMethod(
        build=f"{build} && {_copy_jar_command('target')}",
        start=start,
        reason="Maven builds a jar, which is started",
    )


def _gradle(tree: FileTree, text: str) -> _BuildMethod | None:
    tool = _tool_command(tree, GRADLE[0])
    if _SPRING in text:
        return _BuildMethod(
            build=f"{tool} bootJar && {_copy_jar_command('build/libs')}",
            start=f"{_RUN} -Dserver.port=$PORT -jar {_JAR}",
            reason="the Spring Boot plugin builds a single executable jar",
        )
    if "io.quarkus" in text:
        return _quarkus(f"{tool} quarkusBuild", "build")
    if "io.ktor.plugin" in text:
        return _BuildMethod(
            build=f"{tool} buildFatJar && "
            f"{_copy_jar_command('build/libs', name_pattern='*-all.jar')}",
            start=f"{_RUN} -jar {_JAR}",
            reason="the Ktor plugin builds a single executable jar",
        )
    if re.search(r"\bapplication\b", text) and "mainClass" in text:
        return _BuildMethod(
            build=f"{tool} installDist && mkdir -p {OUTPUT} && cp -r build/install/*/. {OUTPUT}/",
            start=f"exec $(find {OUTPUT}/bin -type f ! -name '*.bat')",
            reason="the `application` plugin creates a start script",
        )
    return None


def _quarkus(build: str, target: str) -> _BuildMethod:
    return _BuildMethod(
        build=f"{build} && mkdir -p {OUTPUT} && cp -r {target}/quarkus-app/. {OUTPUT}/",
        start=(
            f"{_RUN} -Dquarkus.http.host=${{HOST:-0.0.0.0}} -Dquarkus.http.port=$PORT"
            f" -jar {OUTPUT}/quarkus-run.jar"
        ),
        reason="the Quarkus plugin builds a directory that is started",
    )


def _copy_jar_command(directory: str, *, name_pattern: str = "*.jar") -> str:
    """Return the command that copies the one executable jar to the output directory."""
    passed_over = ("*-plain.jar", "original-*.jar", "*-sources.jar", "*-javadoc.jar", "*-tests.jar")
    others = " ".join(f"! -name '{pattern}'" for pattern in passed_over)
    found = f"find {directory} -maxdepth 1 -name '{name_pattern}' {others}"
    return f"{found} -exec install -D {{}} {_JAR} \\; -quit"


def _framework(path: str, text: str) -> tuple[str, tuple[Evidence, ...]]:
    for group, name in _FRAMEWORKS.items():
        if group in text:
            evidence = Evidence(
                reason=f"the build uses {group}", path=path, line=line_of(text, group)
            )
            return name, (evidence,)
    return ("kotlin" if _KOTLIN.search(text) else "java"), ()
