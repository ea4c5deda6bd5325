"""What databases are asked for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

Query = tuple[str, Any]
"""A statement with its parameters."""


@contextmanager
def queries(is_wanted: Callable[[str], bool]) -> Iterator[list[Query]]:
    """Yield those statements of ours that are wanted, until the block ends."""
    asked: list[Query] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        if is_wanted(statement):
            asked.append((statement, parameters))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
