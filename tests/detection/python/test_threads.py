"""Tests the detection of several Python applications at the same time, in threads."""

import gc
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.detection.plans import plan_of

STATEMENTS = "\n".join(f"x{n} = [a + b * c for a in range({n}) if a > (b, c)]" for n in range(40))
FILES = {
    "requirements.txt": "fastapi\nuvicorn\n",
    "main.py": f"from fastapi import FastAPI\napp = FastAPI()\n{STATEMENTS}\n",
}


class Garbage:
    """An object that only the garbage collector removes, with a thread switch while it runs."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        for _ in range(50):
            pass


@pytest.fixture
def eager_switches() -> Iterator[None]:
    """Collect garbage and switch threads as often as possible."""
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(50)
    yield
    gc.set_threshold(*thresholds)
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("eager_switches")
def test_plans_are_made_in_several_threads() -> None:
    """Each thread gets the plan, although CPython 3.11 counts nested syntax for all of them."""

    def plan(_: int) -> str:
        for _ in range(20):
            Garbage()
        return plan_of(FILES).framework

    with ThreadPoolExecutor(4) as threads:
        assert {"fastapi"} == set(threads.map(plan, range(60)))
