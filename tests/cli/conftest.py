"""Instances for the tests of the command line, in this process and in separate processes."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.cli.operator.operators import Operator, open_operator
from tests.served_instance import ServedInstance, open_served


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    """Yield the operator of an instance that has no router and has not been started."""
    with open_operator(tmp_path) as operator:
        yield operator


@pytest.fixture
async def served_instance() -> AsyncIterator[ServedInstance]:
    """Yield a complete instance that has not been started."""
    async with open_served() as served:
        yield served


@pytest.fixture
async def unrouted_instance() -> AsyncIterator[ServedInstance]:
    """Yield an instance that has no router and has not been started."""
    async with open_served(PUSHPAKA_ROUTER="none") as served:
        yield served
