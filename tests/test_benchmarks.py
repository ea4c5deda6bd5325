"""Each name of a benchmark stands for a module."""

from importlib.util import find_spec

import pytest
from benchmarks.rows import BENCHMARKS, module_name


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark_has_a_module(name: str) -> None:
    assert find_spec(module_name(name)) is not None
