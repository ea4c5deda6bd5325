"""Paginated queries."""

from typing import Any, Self

import sqlalchemy as sa
from attrs import frozen


@frozen
class PagedQuery:
    """A query for one page and one for the total number of rows, compiled once for all pages."""

    page_query: sa.Select[Any]
    """The query for one page, with the parameters `limit` and `offset`."""
    count_query: sa.Select[Any]

    @classmethod
    def from_query(cls, query: sa.Select[Any]) -> Self:
        """Prepare *query*, which must be sorted."""
        limit, offset = (sa.bindparam(n, type_=sa.BigInteger) for n in ("limit", "offset"))
        counted = query.order_by(None).with_only_columns(
            sa.func.count(), maintain_column_froms=True
        )
        return cls(query.limit(limit).offset(offset), counted)
