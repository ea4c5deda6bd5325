"""Judges the files that a page shows, by what reads them."""

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
from pushpaka_core.settings import Settings

_SETTING = re.compile(r"(?:export )?(?P<name>PUSHPAKA_\w+)=(?P<value>\"[^\"]*\"|'[^']*'|\S*)")
_PLACEHOLDER = re.compile(r"\.\.\.|…|<[^>]*>")
_SECRETS: Mapping[str, str] = {
    "PUSHPAKA_SECRET_KEY": "Ow8qpHvTfkz2XnZbLcJd5RgYuMe1aB7s",
    "PUSHPAKA_ROUTER_TOKEN": "Ow8qpHvTfkz2XnZbLcJd5RgYuMe1aB7s",
    "PUSHPAKA_METRICS_TOKEN": "Ow8qpHvTfkz2XnZbLcJd5RgYuMe1aB7s",
    "PUSHPAKA_ENCRYPTION_KEYS": "k1=" + "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
}
"""What stands for secrets that a page leaves out."""


def judge_toml(example: Example) -> None:
    """Accept a pushpaka.toml; another file says by a comment in its first line what it is."""
    tomllib.loads(example.parsed)
    if not example.parsed.startswith("# "):
        read_repository_file(MemoryTree({"pushpaka.toml": example.parsed}))


def judge_yaml(example: Example) -> None:
    """Accept YAML; what it sets of Pushpaka has to be settings."""
    for document in yaml.safe_load_all(example.parsed):
        _judge_services(document)


def judge_json(example: Example) -> None:
    """Accept JSON."""
    json.loads(example.parsed)


def judge_unit(example: Example) -> None:
    """Accept what systemd reads; the settings in it have to be settings."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as its manual says
    parser.read_string(example.parsed)
    _judge_settings(example.parsed)


def judge_shell(example: Example) -> None:
    """Accept settings; everything else is run."""
    lines = [line for line in example.parsed.splitlines() if line and not line.startswith("#")]
    if all(_SETTING.match(line) for line in lines):
        _judge_settings(example.parsed)
    else:
        run_script(example)


def _judge_settings(text: str) -> None:
    given = {found["name"]: found["value"].strip("\"'") for found in _SETTING.finditer(text)}
    _judge_environment(given)


def _judge_services(document: Any) -> None:
    services = document.get("services", {}) if isinstance(document, Mapping) else {}
    for service in services.values():
        environment = service.get("environment", {})
        pairs = (
            environment.items()
            if isinstance(environment, Mapping)
            else (entry.split("=", 1) for entry in environment)
        )
        _judge_environment({name: str(value) for name, value in pairs})


def _judge_environment(given: Mapping[str, str]) -> None:
    known = {
        name: _SECRETS.get(name, value) if _PLACEHOLDER.search(value) else value
        for name, value in given.items()
        if "${" not in value
    }
    Settings.from_environ(known, data_directory=Path("/data"))
