"""Settings of projects as people write them on the command line."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import NoneType
from typing import get_args, get_type_hints

import click

from pushpaka_core.domain.projects import ProjectChanges
from pushpaka_core.domain.rules import Unchanged
from pushpaka_http.cli.client.assignments import read_assignments

_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_IN_WORDS: Mapping[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def read_settings(words: Sequence[str]) -> dict[str, object]:
    """
    Return the settings that *words* assign; what is empty is None, which takes a choice back.

    Raises:
        click.UsageError: If there is no such setting, or it is of another type.
    """
    types = get_type_hints(ProjectChanges)
    return {
        name: _typed(name, text, _kinds(name, types))
        for name, text in read_assignments(words).items()
    }


def _kinds(name: str, types: Mapping[str, object]) -> frozenset[type]:
    if name not in types:
        near = get_close_matches(name, types, n=1)
        hint = f'Did you mean "{near[0]}"?' if near else f"There are: {', '.join(types)}."
        raise click.UsageError(f'There is no setting "{name[:100]}". {hint}')
    return frozenset(get_args(types[name])) - {Unchanged}


def _typed(name: str, text: str, kinds: frozenset[type]) -> object:
    if text == "" and NoneType in kinds:
        return None
    (kind,) = kinds - {NoneType}
    try:
        return _FLAGS[text.lower()] if kind is bool else kind(text)
    except (ValueError, KeyError):
        raise click.UsageError(f"{name} must be {_IN_WORDS[kind]}.") from None
