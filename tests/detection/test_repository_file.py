"""Tests pushpaka.toml: its keys, error messages, published schema and documentation."""

import json
import re
from pathlib import Path

import pytest

from pushpaka_core.adapters.files.tree import load_tree
from pushpaka_core.detection import MemoryTree
from pushpaka_core.detection.repository_file.file import RepositoryFile, read_repository_file
from pushpaka_core.detection.repository_file.keys import KEYS
from pushpaka_core.detection.repository_file.schema import repository_schema
from pushpaka_core.domain.pipeline.build_plans import BuildStep, Origin, RepositorySettings
from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.domain.volumes.declarations import DeclaredVolume
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.volumes import PreviewVolume
from pushpaka_core.errors import DetectionError

DOCS = Path(__file__).parents[2] / "docs/reference"
EVERYTHING = """\
framework = "Fast-API"   # by an alias
port = 8080
replicas = 2
rollback_window = 60
watch_paths = ["src/**", "uv.lock"]

[commands]
install = "uv sync --frozen"
build = ["npm ci", "npm run build"]
start = "uvicorn app:main"
release = "alembic upgrade head"

[processes]
worker = "celery -A shop worker"

[health_check]
type = "http"
path = "/health"
timeout = 30

[resources]
cpu = 1
memory = 512

[env]
required = ["DATABASE_URL", "SECRET_KEY"]

[static]
not_found = "404.html"

[volumes.media]
path = "media"

[volumes.cache]
path = "/var/cache/shop"
access = "many"
preview = "copy"
size_limit = 512
snapshot_every = 24
snapshot_keep = 3
"""


def parse(text: str) -> RepositoryFile:
    return read_repository_file(MemoryTree({"pushpaka.toml": text}))


def reported_mistakes(text: str) -> list[str]:
    with pytest.raises(DetectionError) as refusal:
        parse(text)
    heading, *message = str(refusal.value).splitlines()
    assert "pushpaka.toml is not valid. Fix the file and push again." == heading
    return message


def step(command: str) -> BuildStep:
    return BuildStep(command=command, origin=Origin.FILE)


def test_every_key_has_its_effect() -> None:
    file = parse(EVERYTHING)

    assert "Fast-API" == file.framework
    assert (step("uv sync --frozen"),) == file.install
    assert (step("npm ci"), step("npm run build")) == file.build
    assert {
        "worker": step("celery -A shop worker"),
        "web": step("uvicorn app:main"),
        "release": step("alembic upgrade head"),
    } == file.processes
    assert {"not_found": "404.html"} == file.site
    assert (
        RepositorySettings(
            port=8080,
            replicas=2,
            health_check=HealthCheck.HTTP,
            health_check_path="/health",
            health_check_timeout=30,
            rollback_window=60,
            cpu_limit=1.0,
            memory_limit=512,
            required_env=("DATABASE_URL", "SECRET_KEY"),
            watch_paths=("src/**", "uv.lock"),
            volumes=(
                DeclaredVolume(name="media", mount_path="media"),
                DeclaredVolume(
                    name="cache",
                    mount_path="/var/cache/shop",
                    access=VolumeAccess.MANY,
                    preview=PreviewVolume.COPY,
                    size_limit=512,
                    snapshot_every=24,
                    snapshot_keep=3,
                ),
            ),
        )
        == file.settings
    )


@pytest.mark.parametrize("files", [{}, {"pushpaka.toml": ""}, {"pushpaka.toml": "# nothing\n"}])
def test_missing_and_empty_files_are_equal(files: dict[str, str]) -> None:
    assert RepositoryFile() == read_repository_file(MemoryTree(files))


def test_evidence_names_the_keys() -> None:
    """The log lists the first keys, and counts the others."""
    (evidence,) = parse(EVERYTHING).evidence()

    expected = "pushpaka.toml sets framework, port, replicas, rollback_window and 20 more"
    assert (expected, "pushpaka.toml", 1) == (evidence.reason, evidence.path, evidence.line)


def test_empty_commands_disable_detection() -> None:
    """An empty command overrides the detected command."""
    file = parse('[commands]\ninstall = ""\nbuild = ""\n')

    assert ((), ()) == (file.install, file.build)
    assert (None, None) == (parse("port = 1").install, parse("port = 1").build)


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("port = ", "(at line 1, "),
        ("a = 1\nport = 80 80\n", "(at line 2, column 11)"),
        ("port = [", "(at line 1, the last one)"),
        ("port = 1\nport = 2", "line 2"),
    ],
)
def test_broken_toml_is_reported_with_its_location(text: str, location: str) -> None:
    with pytest.raises(DetectionError) as refusal:
        parse(text)

    assert "pushpaka.toml is not valid TOML" in str(refusal.value)
    assert location in str(refusal.value)


def test_all_mistakes_are_reported_at_once() -> None:
    """The mistakes are reported in the order of the file."""
    text = """\
prot = 80
[commands]
strat = "x"
  build = ["a", 3]
[env]
required = ["A", 3]
"""

    assert [
        "Line 1, column 1: `prot` is not a known key (did you mean `port`?).",
        "Line 3, column 1: `commands.strat` is not a known key (did you mean `commands.start`?).",
        "Line 4, column 11: `commands.build` (item 2) must be a string.",
        "Line 6, column 12: `env.required` (item 2) must be a string.",
    ] == reported_mistakes(text)


WRONG_KINDS: dict[str, list[str]] = {
    "string": ["3", "true", "[]", "{}", "1979-05-27"],
    "whole number": ['"3"', "1.5", "true", "[1]"],
    "number": ['"3"', "true", "[]"],
    "list of strings": ['"a"', "3", "{}"],
    "string or list of strings": ["3", "{}"],
    "table of strings": ['"a"', "3", "[]"],
}


@pytest.mark.parametrize(
    ("path", "kind", "value"),
    [
        (key.path.replace("*", "path"), str(key.kind), value)
        for key in KEYS
        for value in WRONG_KINDS[key.kind]
    ],
)
def test_wrong_type_is_reported(path: str, kind: str, value: str) -> None:
    message = f"Line 1, column {len(path) + 4}: `{path}` must be a {kind}."

    assert message in reported_mistakes(f"{path} = {value}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("port = 0", "`port` must be from 1 to 65535"),
        ("replicas = 101", "`replicas` must be from 1 to 100"),
        ("resources.cpu = nan", "`resources.cpu` must be from 0.05 to 256"),
        ("resources.memory = 8", "`resources.memory` must be from 16 to 1048576"),
        ("health_check.timeout = 901", "`health_check.timeout` must be from 1 to 900"),
        ('health_check.path = "health"', "`health_check.path` must be a path"),
        ('health_check.type = "ftp"', "`health_check.type` must be one of http, tcp, none"),
        (
            'health_check = "tcp"',
            "`health_check` must be a table. Set `health_check.type`, `health_check.path`,",
        ),
        ("rollback_window = 601", "`rollback_window` must be from 0 to 600"),
        ('framework = "flusk"', "(did you mean flask?)"),
        ('commands.start = ""', "`commands.start` must have 1 to 4096 characters"),
        ('commands.start = "a\\nb"', "must not contain control characters or line breaks"),
        ('commands.build = ["a\\u0000b"]', "(item 1) must not contain control characters"),
        (
            'env.required = ["PORT"]',
            "is reserved: Pushpaka sets or protects this variable. Choose another name",
        ),
        ('static.directory = "../x"', "`static.directory` must not contain empty names"),
        ('static.directory = "/srv"', "`static.directory` must be relative"),
        ('static.fallback = "../../etc/passwd"', "`static.fallback` must not contain empty names"),
        ('watch_paths = ["../x"]', "must be relative to the repository and stay in it"),
        ('watch_paths = ["/x"]', "must be relative to the repository and stay in it"),
        ('processes = { "b d" = "x" }', "`processes.b d` must have a name with 1 to 63"),
        ("processes = { a = 3 }", "`processes.a` must be a string"),
        ("volumes = 3", "`volumes` must be a table. Set `volumes.*.path`"),
        ("volumes.media = 3", "`volumes.media` must be a table. Set `volumes.*.path`"),
        ("volumes.media = {}", "`volumes.media` must have the key `path`"),
        ("volumes.Media.path = 'a'", "`volumes.Media` has an invalid name: it must be 1 to 40"),
        ("volumes.media.path = '/etc/x'", "`volumes.media.path` must not be a directory of the"),
        ("volumes.a = { path = 'a', acess = 'one' }", "not a known key (did you mean `access`?)"),
        ("volumes.a = { path = 'a', access = 'two' }", "must be one of one, many"),
        ("volumes.a = { path = 'a', size_limit = 0 }", "must be from 1 to 1073741824"),
        ("watch_paths = " + str(["a"] * 101), "`watch_paths` can have at most 100 entries"),
    ],
)
def test_bad_value_is_reported(text: str, message: str) -> None:
    """The values are validated like the settings of a project."""
    (line,) = reported_mistakes(text)

    assert line.startswith("Line 1, column ")
    assert message in line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[commands]\nstart = "a"\n[processes]\nweb = "b"',
            (
                "Line 4, column 1: `processes.web` sets the same command as `commands.start`."
                " Keep one of them."
            ),
        ),
        (
            '[commands]\nrelease = "a"\n[processes]\nrelease = "b"',
            (
                "Line 4, column 1: `processes.release` sets the same command as `commands.release`."
                " Keep one of them."
            ),
        ),
        (
            '[processes]\nweb = "a"\n[static]\ndirectory = "dist"',
            (
                "Line 4, column 1: `static.directory` cannot be combined with a web command."
                " Keep one of them."
            ),
        ),
        (
            'static = { fallback = "index.html", not_found = "404.html" }',
            (
                "Line 1, column 37: `static.not_found` cannot be combined with `static.fallback`."
                " Keep one of them."
            ),
        ),
        (
            '[health_check]\ntype = "none"\npath = "/up"',
            (
                "Line 3, column 1: `health_check.path` is not used with the type none."
                " Keep one of them."
            ),
        ),
    ],
)
def test_contradictory_settings_are_reported(text: str, message: str) -> None:
    assert [message] == reported_mistakes(text)


@pytest.mark.parametrize(
    ("text", "suggested_key"),
    [
        ("start = 'x'", "commands.start"),
        ("buildCommand = 'x'", "commands.build"),
        ("healthcheckPath = '/'", "health_check.path"),
        ("healthCheckType = 'tcp'", "health_check.type"),
        ("[healthcheck]\npath = '/'", "health_check"),
        ("[build]\ncommand = 'x'", "commands.build"),
        ("numReplicas = 2", "replicas"),
        ("[commands]\nreleaseCommand = 'x'", "commands.release"),
        ("[resources]\nmemory_limit = 3", "resources.memory"),
        ("[static]\ndirectroy = 'x'", "static.directory"),
    ],
)
def test_unknown_key_suggests_a_similar_one(text: str, suggested_key: str) -> None:
    """Keys of similar tools get a suggestion, too."""
    (message,) = reported_mistakes(text)

    assert f"is not a known key (did you mean `{suggested_key}`?)." in message


def test_unknown_key_without_a_similar_key_is_reported() -> None:
    """A quoted key that contains a dot is not mistaken for a nested key."""
    assert ["Line 1, column 1: `qqq` is not a known key."] == reported_mistakes("qqq = 1")
    assert "is not a known key" in reported_mistakes('"commands.start" = "x"')[0]


def test_reported_mistakes_are_limited() -> None:
    assert 20 == len(reported_mistakes("".join(f"k{number} = 1\n" for number in range(1000))))


def test_locations_of_keys_are_found() -> None:
    """Comments, multi-line strings and inline tables are not mistaken for keys."""
    text = """\
# port = 1
commands = { start = "x = 3", build = [
  "a",
] }
health_check.path = '''
port = 2
[commands]
'''
"port" = 0
"""

    assert [
        ("Line 5", "`health_check.path`"),
        ("Line 9", "`port`"),
    ] == [(message.split(",")[0], message.split()[4]) for message in reported_mistakes(text)]


def test_windows_line_endings_are_accepted() -> None:
    file = parse("[env]\r\nrequired = []\r\n[health_check]\r\ntimeout = 80\r\n")
    (message,) = reported_mistakes("[env]\r\n[health_check]\r\ntimeout = 0\r\n")

    assert 80 == file.settings.health_check_timeout
    assert message.startswith("Line 3, column 11")


@pytest.mark.parametrize("length", [65_537, 2_000_000])
def test_too_large_file_is_refused(tmp_path: Path, length: int) -> None:
    (tmp_path / "pushpaka.toml").write_text("#" * length)

    with pytest.raises(DetectionError, match=r"pushpaka.toml is larger than 64 KiB"):
        read_repository_file(load_tree(tmp_path, ""))


@pytest.mark.parametrize("key", ["a" + ".a" * 30_000, '"a b"' + ' . "a b"' * 8_000])
def test_key_with_too_many_parts_is_refused(key: str) -> None:
    """The parser would take minutes for such a key."""
    with pytest.raises(DetectionError, match=r"a dotted key with too many parts \(at line 2\)"):
        parse(f"port = 1\n{key} = 1\n")


def test_published_schema_is_up_to_date() -> None:
    """The published JSON schema is the result of `repository_schema`, indented by 2 spaces."""
    published = (DOCS / "pushpaka-toml.schema.json").read_text()

    assert json.dumps(repository_schema(), indent=2) + "\n" == published


def test_every_key_is_documented() -> None:
    """The table on the page has all keys in order, with their types and meanings."""
    page = (DOCS / "pushpaka-toml.md").read_text()
    rows = re.findall(r"^\| `([\w.*]+)` \| ([^|]+) \| (.+) \|$", page, re.MULTILINE)

    assert [(key.path, str(key.kind), key.description) for key in KEYS] == rows


def test_schema_has_exactly_the_supported_keys() -> None:
    properties = repository_schema()["properties"]
    entries = properties.pop("volumes")["additionalProperties"]
    properties["volumes.*"] = entries
    paths = {
        f"{name}.{inner}"
        for name, described in properties.items()
        for inner in described.get("properties", ())
    } | {name for name, described in properties.items() if "properties" not in described}

    assert {key.path for key in KEYS} == paths
    assert repository_schema()["additionalProperties"] is False
