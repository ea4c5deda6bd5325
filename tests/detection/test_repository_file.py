"""pushpaka.toml: what it may say, and how its mistakes are told."""

from pathlib import Path

import pytest

from pushpaka_core.adapters.files.tree import load_tree
from pushpaka_core.detection import MemoryTree
from pushpaka_core.detection.repository_file.file import RepositoryFile, read_repository_file
from pushpaka_core.detection.repository_file.keys import KEYS
from pushpaka_core.domain.build_plans import Origin, RepositorySettings, Step
from pushpaka_core.errors import DetectionError

EVERYTHING = """\
framework = "Fast-API"   # by an alias
port = 8080
replicas = 2
watch_paths = ["src/**", "uv.lock"]

[commands]
install = "uv sync --frozen"
build = ["npm ci", "npm run build"]
start = "uvicorn app:main"
release = "alembic upgrade head"

[processes]
worker = "celery -A shop worker"

[health_check]
path = "/health"
timeout = 30

[resources]
cpu = 1
memory = 512

[env]
required = ["DATABASE_URL", "SECRET_KEY"]

[static]
not_found = "404.html"
"""


def said(text: str) -> RepositoryFile:
    return read_repository_file(MemoryTree({"pushpaka.toml": text}))


def mistakes(text: str) -> list[str]:
    with pytest.raises(DetectionError) as refusal:
        said(text)
    heading, *told = str(refusal.value).splitlines()
    assert "pushpaka.toml cannot be used. Mend it and push again." == heading
    return told


def step(command: str) -> Step:
    return Step(command=command, origin=Origin.FILE)


def test_everything_can_be_said() -> None:
    """Each key has its effect."""
    file = said(EVERYTHING)

    assert {key.path for key in KEYS} >= file.values.keys()
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
            health_check_path="/health",
            health_check_timeout=30,
            cpu_limit=1.0,
            memory_limit=512,
            required_env=("DATABASE_URL", "SECRET_KEY"),
            watch_paths=("src/**", "uv.lock"),
        )
        == file.settings
    )


@pytest.mark.parametrize("files", [{}, {"pushpaka.toml": ""}, {"pushpaka.toml": "# nothing\n"}])
def test_nothing_need_be_said(files: dict[str, str]) -> None:
    """No file and an empty one are the same."""
    assert RepositoryFile() == read_repository_file(MemoryTree(files))


def test_what_it_decides_is_said_with_its_place() -> None:
    """The first keys stand for all."""
    (evidence,) = said(EVERYTHING).evidence()

    expected = "pushpaka.toml sets framework, port, replicas, watch_paths and 11 more"
    assert (expected, "pushpaka.toml", 1) == (evidence.reason, evidence.path, evidence.line)


def test_an_empty_command_means_nothing_is_done() -> None:
    """So a wrong guess about a build can be taken away, which saying nothing cannot."""
    file = said('[commands]\ninstall = ""\nbuild = ""\n')

    assert ((), ()) == (file.install, file.build)
    assert (None, None) == (said("port = 1").install, said("port = 1").build)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("port = ", "(at line 1, "),
        ("a = 1\nport = 80 80\n", "(at line 2, column 11)"),
        ("port = [", "(at line 1, the last one)"),
        ("port = 1\nport = 2", "line 2"),
    ],
)
def test_broken_toml_is_told_with_its_place(text: str, place: str) -> None:
    """The file and the line are named."""
    with pytest.raises(DetectionError) as refusal:
        said(text)

    assert "pushpaka.toml is not valid TOML" in str(refusal.value)
    assert place in str(refusal.value)


def test_all_mistakes_are_told_at_once() -> None:
    """Each has its line and its column, in the order of the file."""
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
        "Line 4, column 11: `commands.build` (number 2) must be a text.",
        "Line 6, column 12: `env.required` (number 2) must be a text.",
    ] == mistakes(text)


WRONG_KINDS: dict[str, list[str]] = {
    "text": ["3", "true", "[]", "{}", "1979-05-27"],
    "whole number": ['"3"', "1.5", "true", "[1]"],
    "number": ['"3"', "true", "[]"],
    "list of texts": ['"a"', "3", "{}"],
    "text, or list of texts": ["3", "{}"],
    "table of texts": ['"a"', "3", "[]"],
}


@pytest.mark.parametrize(
    ("path", "kind", "value"),
    [(key.path, str(key.kind), value) for key in KEYS for value in WRONG_KINDS[key.kind]],
)
def test_a_wrong_type_is_told(path: str, kind: str, value: str) -> None:
    """Each key says what it must be."""
    (told,) = mistakes(f"{path} = {value}")

    assert f"Line 1, column {len(path) + 4}: `{path}` must be a {kind}." == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("port = 0", "`port` must be from 1 to 65535"),
        ("replicas = 101", "`replicas` must be from 1 to 100"),
        ("resources.cpu = nan", "`resources.cpu` must be from 0.05 to 256"),
        ("resources.memory = 8", "`resources.memory` must be from 16 to 1048576"),
        ("health_check.timeout = 901", "`health_check.timeout` must be from 1 to 900"),
        ('health_check.path = "health"', "`health_check.path` must be a path"),
        ('framework = "flusk"', "(did you mean flask?)"),
        ('commands.start = ""', "`commands.start` must have 1 to 4096 characters"),
        ('commands.start = "a\\nb"', "must not contain control characters or line breaks"),
        ('commands.build = ["a\\u0000b"]', "(number 1) must not contain control characters"),
        ('env.required = ["PORT"]', "must not be PORT: the platform sets or protects this name"),
        ('static.directory = "../x"', "`static.directory` must not have parts that are empty"),
        ('static.directory = "/srv"', "`static.directory` must be relative"),
        ('static.fallback = "../../etc/passwd"', "`static.fallback` must not have parts"),
        ('watch_paths = ["../x"]', "must be relative to the repository and stay in it"),
        ('watch_paths = ["/x"]', "must be relative to the repository and stay in it"),
        ('processes = { "b d" = "x" }', "`processes.b d` must be named with 1 to 63 letters"),
        ("processes = { a = 3 }", "`processes.a` must be a text"),
        ("watch_paths = " + str(["a"] * 101), "`watch_paths` must have at most 100 entries"),
    ],
)
def test_a_bad_value_is_told(text: str, told: str) -> None:
    """The rules are those of a project's settings, and the sentences too."""
    (line,) = mistakes(text)

    assert line.startswith("Line 1, column ")
    assert told in line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[commands]\nstart = "a"\n[processes]\nweb = "b"',
            "Line 4, column 1: `processes.web` says the same as `commands.start`: keep one.",
        ),
        (
            '[commands]\nrelease = "a"\n[processes]\nrelease = "b"',
            "Line 4, column 1: `processes.release` says the same as `commands.release`: keep one.",
        ),
        (
            '[processes]\nweb = "a"\n[static]\ndirectory = "dist"',
            "Line 4, column 1: `static.directory` needs no command, but one is given: keep one.",
        ),
        (
            'static = { fallback = "index.html", not_found = "404.html" }',
            "Line 1, column 37: `static.not_found` is never served beside a fallback: keep one.",
        ),
    ],
)
def test_contradictions_are_told(text: str, told: str) -> None:
    """What cannot hold together is not decided in silence."""
    assert [told] == mistakes(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("start = 'x'", "commands.start"),
        ("buildCommand = 'x'", "commands.build"),
        ("healthcheckPath = '/'", "health_check.path"),
        ("[healthcheck]\npath = '/'", "health_check"),
        ("[build]\ncommand = 'x'", "commands.build"),
        ("numReplicas = 2", "replicas"),
        ("[commands]\nreleaseCommand = 'x'", "commands.release"),
        ("[resources]\nmemory_limit = 3", "resources.memory"),
        ("[static]\ndirectroy = 'x'", "static.directory"),
    ],
)
def test_an_unknown_key_names_the_near_one(text: str, meant: str) -> None:
    """Words of other tools are understood well enough to be answered."""
    (told,) = mistakes(text)

    assert f"is not a known key (did you mean `{meant}`?)." in told


def test_keys_that_nothing_resembles_are_told_without_a_guess() -> None:
    """Also those that look like ours only when they are written together."""
    assert ["Line 1, column 1: `qqq` is not a known key."] == mistakes("qqq = 1")
    assert "is not a known key" in mistakes('"commands.start" = "x"')[0]


def test_a_flood_of_mistakes_is_cut() -> None:
    """Twenty are enough to begin with."""
    assert 20 == len(mistakes("".join(f"k{number} = 1\n" for number in range(1000))))


def test_places_are_not_confused_by_texts() -> None:
    """Keys in comments and in long texts are none, and keys in tables of one line are found."""
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
    ] == [(told.split(",")[0], told.split()[4]) for told in mistakes(text)]


def test_windows_line_ends_do_no_harm() -> None:
    """Neither to what is read nor to where it is."""
    file = said("[env]\r\nrequired = []\r\n[health_check]\r\ntimeout = 80\r\n")
    (told,) = mistakes("[env]\r\n[health_check]\r\ntimeout = 0\r\n")

    assert 80 == file.settings.health_check_timeout
    assert told.startswith("Line 3, column 11")


@pytest.mark.parametrize("length", [65_537, 2_000_000])
def test_a_file_that_is_too_large_is_told(tmp_path: Path, length: int) -> None:
    """It is not mistaken for an empty one, also where it is not even read."""
    (tmp_path / "pushpaka.toml").write_text("#" * length)

    with pytest.raises(DetectionError, match=r"pushpaka.toml is larger than 64 KiB"):
        read_repository_file(load_tree(tmp_path, ""))


@pytest.mark.parametrize("key", ["a" + ".a" * 30_000, '"a b"' + ' . "a b"' * 8_000])
def test_a_key_without_end_is_told_quickly(key: str) -> None:
    """The parser would take minutes for it."""
    with pytest.raises(DetectionError, match=r"a key of too many parts \(at line 2\)"):
        said(f"port = 1\n{key} = 1\n")
