"""Queries that are asked for part by part."""

from typing import Any, Self

import sqlalchemy as sa
from attrs import frozen


@frozen
class Listing:
    """What finds one part, and what counts all of them; written once for all parts."""

    part: sa.Select[Any]
    """Takes a `limit` and an `offset`."""
    count: sa.Select[Any]

    @classmethod
    def of(cls, query: sa.Select[Any]) -> Self:
        """Prepare *query*, which is sorted."""
        limit, offset = (sa.bindparam(n, type_=sa.BigInteger) for n in ("limit", "offset"))
        counted = query.order_by(None).with_only_columns(
            sa.func.count(), maintain_column_froms=True
        )
        return cls(query.limit(limit).offset(offset), counted)
