"""Checks the files on a page with the real parsers."""

import configparser
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from sybil import Example
from tests.docs.console import run_script

from pushpaka_core.detection.repository_file.file import read_repository_file
from pushpaka_core.detection.tree import MemoryTree
from pushpaka_core.settings.settings import Settings

_SETTING = re.compile(r"(?:export )?(?P<name>PUSHPAKA_\w+)=(?P<value>\"[^\"]*\"|'[^']*'|\S*)")
_PLACEHOLDER = re.compile(r"\.\.\.|…|<[^>]*>")
_SECRETS: Mapping[str, str] = {
    "PUSHPAKA_SECRET_KEY": "Ow8qpHvTfkz2XnZbLcJd5RgYuMe1aB7s",
    "PUSHPAKA_ROUTER_TOKEN": "Ow8qpHvTfkz2XnZbLcJd5RgYuMe1aB7s",
    "PUSHPAKA_METRICS_TOKEN": "Ow8qpHvTfkz2XnZbLcJd5RgYuMe1aB7s",
    "PUSHPAKA_ENCRYPTION_KEYS": "k1=" + "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
}
"""Values for the secrets that a page omits."""


def check_toml(example: Example) -> None:
    """Check a TOML file. Unless a comment with another name comes first, it is a pushpaka.toml."""
    tomllib.loads(example.parsed)
    if not example.parsed.startswith("# "):
        read_repository_file(MemoryTree({"pushpaka.toml": example.parsed}))


def check_yaml(example: Example) -> None:
    """Check YAML, and the settings in the environment of its services."""
    for document in yaml.safe_load_all(example.parsed):
        _check_services(document)


def check_json(example: Example) -> None:
    """Raise ValueError if the example is not valid JSON."""
    json.loads(example.parsed)


def check_unit(example: Example) -> None:
    """Check a systemd unit, and the settings in it."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as its manual says
    parser.read_string(example.parsed)
    _check_settings(example.parsed)


def check_shell(example: Example) -> None:
    """Check a block of settings, or run any other script."""
    lines = [line for line in example.parsed.splitlines() if line and not line.startswith("#")]
    if all(_SETTING.match(line) for line in lines):
        _check_settings(example.parsed)
    else:
        run_script(example)


def _check_settings(text: str) -> None:
    given = {found["name"]: found["value"].strip("\"'") for found in _SETTING.finditer(text)}
    _check_environment(given)


def _check_services(document: Any) -> None:
    services = document.get("services", {}) if isinstance(document, Mapping) else {}
    for service in services.values():
        environment = service.get("environment", {})
        pairs = (
            environment.items()
            if isinstance(environment, Mapping)
            else (entry.split("=", 1) for entry in environment)
        )
        _check_environment({name: str(value) for name, value in pairs})


def _check_environment(variables: Mapping[str, str]) -> None:
    known = {
        name: _SECRETS.get(name, value) if _PLACEHOLDER.search(value) else value
        for name, value in variables.items()
        if "${" not in value
    }
    Settings.from_environ(known, data_directory=Path("/data"))
