"""How programs for the Java machine are built."""

import pytest
from tests.detection.image_trees import image_plan
from tests.detection.node_trees import commands, reasons, web

from pushpaka_core.errors import DetectionError

SPRING = "<project>\n<parent>\n<groupId>org.springframework.boot</groupId></parent>\n</project>"
WRAPPER = {"mvnw": "", ".mvn/wrapper/maven-wrapper.properties": ""}
RUN = "exec java $JAVA_OPTS"


def test_spring_boot_is_told_the_port() -> None:
    """It reads no PORT by itself."""
    plan = image_plan({"pom.xml": SPRING})

    assert ("spring", "maven") == (plan.framework, plan.package_manager)
    assert commands(plan)[0].startswith("mvn --batch-mode -DskipTests package && find target ")
    assert f"{RUN} -Dserver.port=$PORT -jar _built/app.jar" == web(plan)
    assert "it uses org.springframework.boot (pom.xml:3)" == reasons(plan)[0]


def test_wrapper_comes_first() -> None:
    """The repository knows which Maven it wants."""
    assert commands(image_plan({"pom.xml": SPRING, **WRAPPER}))[0].startswith("sh mvnw --batch")


@pytest.mark.parametrize(
    ("build", "framework", "task", "start"),
    [
        ("id 'org.springframework.boot'", "spring", "bootJar", "-Dserver.port=$PORT -jar"),
        ("id 'io.ktor.plugin'", "kotlin", "buildFatJar", "-jar _built/app.jar"),
        ("id 'io.quarkus'", "quarkus", "quarkusBuild", "-Dquarkus.http.port=$PORT"),
        ("id 'application'\nmainClass = 'A'", "java", "installDist", "find _built/bin"),
    ],
)
def test_plugin_of_gradle_says_how(build: str, framework: str, task: str, start: str) -> None:
    """Each makes something else that can be started."""
    plan = image_plan({"build.gradle": build, "gradlew": ""})

    assert framework == plan.framework
    assert commands(plan)[0].startswith(f"sh gradlew --no-daemon -x test {task} && ")
    assert start in web(plan)


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"pom.xml": f"{SPRING}<java.version>17</java.version>"}, "17"),
        ({"pom.xml": SPRING, ".java-version": "21\n"}, "21"),
        ({"pom.xml": SPRING, ".tool-versions": "java temurin-21.0.2+13\n"}, "temurin-21.0.2+13"),
        ({"pom.xml": SPRING, "system.properties": "java.runtime.version=11\n"}, "11"),
        ({"build.gradle.kts": "io.ktor.plugin\nkotlin { jvmToolchain(25) }"}, "25"),
        ({"build.gradle": "io.ktor.plugin\nJavaVersion.VERSION_1_8"}, "8"),
    ],
)
def test_version_is_said_by_files(files: dict[str, str], version: str) -> None:
    """The build files say it too."""
    assert version == image_plan(files).language_version


def test_command_of_a_procfile_finds_what_is_packaged() -> None:
    """Nothing is put elsewhere then."""
    plan = image_plan({"pom.xml": SPRING, "Procfile": "web: java -jar target/shop.jar\n"})

    assert ["mvn --batch-mode -DskipTests package"] == commands(plan)


def test_library_is_told_from_a_program() -> None:
    """What it lacks is named."""
    with pytest.raises(DetectionError, match="makes nothing that can be started"):
        image_plan({"build.gradle": "id 'java-library'"})
