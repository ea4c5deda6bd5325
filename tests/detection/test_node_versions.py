"""Which Node.js a project asks for."""

import pytest
from tests.detection.node_trees import package, passed_over, plan_of, reasons

SERVER = {"server.js": ""}


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({".nvmrc": "20\n"}, "20"),
        ({".nvmrc": "v20.11.1"}, "20.11.1"),
        ({".nvmrc": "# ours\nlts/iron\n"}, "20"),
        ({".nvmrc": "lts/Jod"}, "22"),
        ({".nvmrc": "lts/*"}, None),
        ({".nvmrc": "node"}, None),
        ({".node-version": "22.1.0\n"}, "22.1.0"),
        ({".tool-versions": "python 3.12\nnodejs 20.9.0\npnpm 9.0.0\n"}, "20.9.0"),
        ({"mise.toml": '[tools]\nnode = "22"\n'}, "22"),
        ({"mise.toml": '[tools]\nnode = ["20", "22"]\n'}, "20"),
        ({"mise.toml": '[tools]\nnode = {version = "lts"}\n'}, None),
        ({}, None),
    ],
)
def test_version_files_are_read(files: dict[str, str], version: str | None) -> None:
    """Names of lines are translated; what means "any current one" leaves it open."""
    plan = plan_of({**SERVER, **files, "package.json": "{}"})

    assert version == plan.language_version


@pytest.mark.parametrize(
    ("wanted", "version"),
    [
        (">=18", ">=18"),
        (">= 18.0.0 < 23", ">=18.0.0 <23"),
        ("20.x", "20.x"),
        ("^18 || ^20 || >=22", "^18 || ^20 || >=22"),
        ("v22", "22"),
        ("*", None),
    ],
)
def test_engines_are_ranges(wanted: str, version: str | None) -> None:
    """They are handed on as npm understands them."""
    plan = plan_of({**SERVER, "package.json": package(engines={"node": wanted})})

    assert version == plan.language_version


def test_most_exact_file_wins() -> None:
    """Version files beat volta, and that beats engines; the place is told."""
    said = {"engines": {"node": ">=18"}, "volta": {"node": "20.11.0"}}

    by_volta = plan_of({**SERVER, "package.json": package(**said)})
    by_file = plan_of({**SERVER, "package.json": package(**said), ".nvmrc": "\n22"})

    assert "20.11.0" == by_volta.language_version
    assert "22" == by_file.language_version
    assert "Node.js 22 is asked for (.nvmrc:2)" in reasons(by_file)


def test_nonsense_is_said_and_passed_over() -> None:
    """The next file is asked."""
    plan = plan_of({**SERVER, ".nvmrc": "iojs", "package.json": package(engines={"node": "20"})})

    assert "20" == plan.language_version
    assert "'iojs' is no version of Node.js that is understood here" == passed_over(plan)[".nvmrc"]


def test_files_above_the_application_count() -> None:
    """As the tools do, the directories above are looked at, the nearest first."""
    files = {".nvmrc": "20", "web/package.json": package("express"), "web/server.js": ""}

    outer = plan_of(files, root_dir="web")
    inner = plan_of({**files, "web/.nvmrc": "22"}, root_dir="web")

    assert ("20", "22") == (outer.language_version, inner.language_version)


def test_framework_that_needs_a_newer_one_gets_it() -> None:
    """A project that does not say gets what its packages run on."""
    new = plan_of({"package.json": package("astro@^6.1.0")})
    old = plan_of({"package.json": package("astro@^4.1.0")})
    any_will_do = plan_of({"package.json": package("astro@^6.1.0"), ".nvmrc": "lts/*"})

    assert (">=22.12", None) == (new.language_version, old.language_version)
    assert ">=22.12" == any_will_do.language_version
    assert "astro 6 needs Node.js >=22.12 (package.json:3)" in reasons(new)


@pytest.mark.parametrize(
    ("package_and_version", "needed"),
    [
        ("@angular/core@^20.3.0", "^20.19.0 || ^22.12.0 || >=24.0.0"),
        ("@angular/core@^22.2.0", "^22.22.3 || ^24.15.0 || >=26.0.0"),
        ("@react-router/dev@^8.0.0", ">=22.22"),
        ("@solidjs/start@^2.0.0", ">=24"),
    ],
)
def test_newer_majors_need_newer_nodes(package_and_version: str, needed: str) -> None:
    """The tools of a framework refuse an older Node.js, so the plan asks for what they want."""
    manifest = package(package_and_version, scripts={"start": "node server.js"})

    plan = plan_of({**SERVER, "package.json": manifest})

    assert needed == plan.language_version
