"""How a setting is declared."""

from collections.abc import Callable
from typing import Any

from attrs import field


def setting(parse: Callable[[str], Any], help: str, **options: Any) -> Any:
    """Return a field that is read by *parse* and told of in the README by *help*."""
    return field(metadata={"parse": parse, "help": help}, **options)
