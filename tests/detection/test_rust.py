"""Which binary of a crate or workspace is built."""

import pytest
from tests.detection.image_trees import image_plan
from tests.detection.node_trees import commands, reasons, web

from pushpaka_core.errors import DetectionError

CRATE = '[package]\nname = "shop"\n\n[dependencies]\naxum = "0.8"\n'
TARGET = '"${CARGO_TARGET_DIR:-target}/release'


def test_binary_of_the_crate_is_built() -> None:
    """As it is locked; the version comes from the toolchain's file."""
    files = {"Cargo.toml": CRATE, "Cargo.lock": "", "src/main.rs": ""}

    plan = image_plan({**files, "rust-toolchain.toml": '[toolchain]\nchannel = "1.88"\n'})

    assert ("axum", "1.88") == (plan.framework, plan.language_version)
    assert [
        "cargo fetch --locked",
        f'cargo build --release --locked --bin shop && install -D -t bin {TARGET}/shop"',
    ] == commands(plan)
    assert "./bin/shop" == web(plan)
    assert "axum is listed (Cargo.toml:5)" in reasons(plan)


def test_member_that_serves_is_preferred() -> None:
    """The members of a workspace are found by its patterns; the others are told."""
    files = {
        "Cargo.toml": '[workspace]\nmembers = ["crates/*"]\n',
        "crates/cli/Cargo.toml": '[package]\nname = "cli"\n',
        "crates/cli/src/main.rs": "",
        "crates/lib/Cargo.toml": '[package]\nname = "lib"\n',
        "crates/server/Cargo.toml": '[package]\nname = "server"\n',
        "crates/server/src/main.rs": "",
        "other/Cargo.toml": '[package]\nname = "api"\n',
        "other/src/main.rs": "",
    }

    plan = image_plan(files)

    assert "./bin/server" == web(plan)
    assert ["server is a program; there are cli too (crates/server/Cargo.toml:2)"] == reasons(plan)


def test_default_of_the_crate_counts() -> None:
    """It says itself which of its binaries is meant."""
    manifest = (
        '[package]\nname = "shop"\ndefault-run = "b"\n[[bin]]\nname = "a"\n[[bin]]\nname = "b"'
    )

    assert "./bin/b" == web(image_plan({"Cargo.toml": manifest}))


def test_all_binaries_are_built_for_a_procfile() -> None:
    """Each can be named."""
    manifest = '[package]\nname = "shop"\n[[bin]]\nname = "a"\n[[bin]]\nname = "b"'

    plan = image_plan({"Cargo.toml": manifest, "Procfile": "web: bin/a\nworker: bin/b\n"})

    assert f'--bin a --bin b && install -D -t bin {TARGET}/a" {TARGET}/b"' in commands(plan)[-1]


@pytest.mark.parametrize("name", ["a; rm -rf /", "a\\nRUN b", "../a", "$(a)"])
def test_name_that_is_none_is_passed_over(name: str) -> None:
    """It would be part of a command."""
    manifest = f'[package]\nname = "{name}"\n'

    with pytest.raises(DetectionError, match="no crate has"):
        image_plan({"Cargo.toml": manifest, "src/main.rs": ""})
