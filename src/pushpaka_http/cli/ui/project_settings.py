"""Parses settings of projects from the command line."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from enum import StrEnum
from types import NoneType
from typing import get_args, get_type_hints

import click

from pushpaka_core.domain.projects.projects import ProjectChanges
from pushpaka_core.domain.validation import Unchanged
from pushpaka_http.cli.ui.assignments import read_assignments

_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_TYPE_NAMES: Mapping[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def read_settings(arguments: Sequence[str]) -> dict[str, object]:
    """
    Return the settings in *arguments*. An empty value becomes None, which restores the default.

    Raises:
        click.UsageError: If a setting does not exist, or its value has the wrong type.
    """
    types = get_type_hints(ProjectChanges)
    return {
        name: _parse_value(name, text, _types_of(name, types))
        for name, text in read_assignments(arguments).items()
    }


def _types_of(name: str, types: Mapping[str, object]) -> frozenset[type]:
    if name not in types:
        matches = get_close_matches(name, types, n=1)
        hint = f'Did you mean "{matches[0]}"?' if matches else f"Settings: {', '.join(types)}."
        raise click.UsageError(f'There is no setting "{name[:100]}". {hint}')
    return frozenset(get_args(types[name])) - {Unchanged}


def _parse_value(name: str, text: str, accepted_types: frozenset[type]) -> object:
    if text == "" and NoneType in accepted_types:
        return None
    (kind,) = accepted_types - {NoneType}
    try:
        return _BOOLEANS[text.lower()] if kind is bool else kind(text)
    except (ValueError, KeyError):
        raise click.UsageError(f"{name} must be {_type_name(kind)}.") from None


def _type_name(value_type: type) -> str:
    return (
        f"one of {', '.join(value_type)}"
        if issubclass(value_type, StrEnum)
        else _TYPE_NAMES[value_type]
    )
