"""Programs in Java and Kotlin, which Maven or Gradle build."""

import re
from collections.abc import Mapping

from attrs import frozen

from pushpaka_core.detection.documents import first_match, line_of
from pushpaka_core.detection.env_reads import env_reads
from pushpaka_core.detection.sayings import first_line, matched, mise, said_version, tool_versions
from pushpaka_core.detection.steps import detected, steps
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Rejected

POM = "pom.xml"
GRADLE = ("build.gradle", "build.gradle.kts")
TRIGGERS = (POM, *GRADLE)
OUTPUT = "_built"
"""The directory that holds all that is needed to run."""

_JAR = f"{OUTPUT}/app.jar"
_RUN = "exec java $JAVA_OPTS"
_SPRING = "org.springframework.boot"
_FRAMEWORKS: Mapping[str, str] = {_SPRING: "spring", "io.quarkus": "quarkus", "io.ktor": "kotlin"}
_KOTLIN = re.compile(r"kotlin\(\"jvm\"\)|org\.jetbrains\.kotlin|kotlin-maven-plugin")
_SOURCES = (
    first_line(".java-version"),
    tool_versions("java"),
    mise("java"),
    matched("system.properties", r"^java\.runtime\.version[ \t]*=[ \t]*(?P<version>\S{1,40})"),
    matched(
        POM, r"<(?:java\.version|maven\.compiler\.(?:release|target))>(?P<version>[\d.]{1,9})<"
    ),
    *(
        matched(name, r"(?:JavaLanguageVersion\.of|jvmToolchain)\((?P<version>\d{1,2})\)")
        for name in GRADLE
    ),
    *(matched(name, r"JavaVersion\.VERSION_(?:1_)?(?P<version>\d{1,2})\b") for name in GRADLE),
)


@frozen(kw_only=True)
class _Way:
    """How something is built and put into the one directory, and how it is started."""

    build: str
    start: str
    reason: str


def analyse(question: Question) -> BuildPlan | Rejected | None:
    """Find out how a program for the Java machine is built."""
    tree = question.tree
    path = first_match(tree, TRIGGERS)
    if path is None:
        if question.framework is None:
            return None
        reason = f"there is no {POM} and no {GRADLE[0]}"
        return Rejected(framework=question.framework, reason=reason)
    text = tree.read(path) or ""
    way = _maven(tree, text) if path == POM else _gradle(tree, text)
    if way is None and not question.has_web:
        reason = (
            f"{path} is there, but makes nothing that can be started: it needs the plugin of"
            " Spring Boot, Quarkus or Ktor, or `application`"
        )
        return Rejected(framework=question.framework or "java", reason=reason)
    version = said_version(question, "Java", _SOURCES)
    framework, listed = _framework(path, text)
    tool = _tool(tree, path)
    by_others = f"{tool} package" if path == POM else f"{tool} assemble"
    return BuildPlan(
        framework=question.framework or framework,
        language="java",
        language_version=version.text,
        package_manager="maven" if path == POM else "gradle",
        directory=question.directory,
        build=steps(way.build if way and not question.has_web else by_others),
        processes={"web": detected(way.start)} if way and not question.has_web else {},
        env_names=env_reads(tree, (".java", ".kt"), r"\bSystem\.getenv\("),
        evidence=(
            *listed,
            *((Evidence(reason=way.reason, path=path),) if way else ()),
            *version.evidence,
        ),
    )


def _tool(tree: FileTree, path: str) -> str:
    """Return the wrapper that the repository brings, or the image's own tool."""
    if path == POM:
        has_wrapper = tree.exists("mvnw") and tree.exists(".mvn/wrapper/maven-wrapper.properties")
        return ("sh mvnw" if has_wrapper else "mvn") + " --batch-mode -DskipTests"
    return ("sh gradlew" if tree.exists("gradlew") else "gradle") + " --no-daemon -x test"


def _maven(tree: FileTree, text: str) -> _Way | None:
    build = f"{_tool(tree, POM)} package"
    if "quarkus-maven-plugin" in text:
        return _quarkus(build, "target")
    if "<packaging>pom</packaging>" in text or "<packaging>war</packaging>" in text:
        return None
    start = f"{_RUN} -Dserver.port=$PORT -jar {_JAR}" if _SPRING in text else f"{_RUN} -jar {_JAR}"
    return _Way(
        build=f"{build} && {_put_aside('target')}",
        start=start,
        reason="Maven packages a jar, which is started",
    )


def _gradle(tree: FileTree, text: str) -> _Way | None:
    tool = _tool(tree, GRADLE[0])
    if _SPRING in text:
        return _Way(
            build=f"{tool} bootJar && {_put_aside('build/libs')}",
            start=f"{_RUN} -Dserver.port=$PORT -jar {_JAR}",
            reason="the plugin of Spring Boot makes one jar of all",
        )
    if "io.quarkus" in text:
        return _quarkus(f"{tool} quarkusBuild", "build")
    if "io.ktor.plugin" in text:
        return _Way(
            build=f"{tool} buildFatJar && {_put_aside('build/libs', wanted='*-all.jar')}",
            start=f"{_RUN} -jar {_JAR}",
            reason="the plugin of Ktor makes one jar of all",
        )
    if re.search(r"\bapplication\b", text) and "mainClass" in text:
        return _Way(
            build=f"{tool} installDist && mkdir -p {OUTPUT} && cp -r build/install/*/. {OUTPUT}/",
            start=f"exec $(find {OUTPUT}/bin -type f ! -name '*.bat')",
            reason="the plugin `application` makes a start script",
        )
    return None


def _quarkus(build: str, target: str) -> _Way:
    return _Way(
        build=f"{build} && mkdir -p {OUTPUT} && cp -r {target}/quarkus-app/. {OUTPUT}/",
        start=(
            f"{_RUN} -Dquarkus.http.host=${{HOST:-0.0.0.0}} -Dquarkus.http.port=$PORT"
            f" -jar {OUTPUT}/quarkus-run.jar"
        ),
        reason="the plugin of Quarkus makes a directory that is started",
    )


def _put_aside(directory: str, *, wanted: str = "*.jar") -> str:
    """Return what copies the one jar that can be started."""
    passed_over = ("*-plain.jar", "original-*.jar", "*-sources.jar", "*-javadoc.jar", "*-tests.jar")
    others = " ".join(f"! -name '{pattern}'" for pattern in passed_over)
    found = f"find {directory} -maxdepth 1 -name '{wanted}' {others}"
    return f"{found} -exec install -D {{}} {_JAR} \\; -quit"


def _framework(path: str, text: str) -> tuple[str, tuple[Evidence, ...]]:
    for group, name in _FRAMEWORKS.items():
        if group in text:
            evidence = Evidence(reason=f"it uses {group}", path=path, line=line_of(text, group))
            return name, (evidence,)
    return ("kotlin" if _KOTLIN.search(text) else "java"), ()
