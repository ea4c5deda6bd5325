"""What handlers are given beside the request."""

from typing import TypeAlias, TypeVar

from litestar.di import NamedDependency, Provide
from litestar.params import SkipValidation

T = TypeVar("T")

Given: TypeAlias = NamedDependency[SkipValidation[T]]
"""Something that the application was made with; it is handed on as it is."""


def given(value: object) -> Provide:
    """Return what provides *value* to every handler that names it."""
    return Provide(lambda: value, sync_to_thread=False)
