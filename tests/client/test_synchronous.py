"""The two clients are one: the synchronous one is written from the asynchronous one."""

from pathlib import Path

import pytest
from tests.client.synchronous import TARGET, sources, synchronous


@pytest.mark.parametrize("source", sources(), ids=lambda path: path.stem)
def test_synchronous_client_is_what_the_asynchronous_one_says(source: Path) -> None:
    """
    Each module is word for word what is written from its asynchronous form.

    Where this fails, `python -m tests.client.synchronous` writes it anew.
    """
    assert synchronous(source.read_text()) == (TARGET / source.name).read_text()


def test_synchronous_client_has_no_other_modules() -> None:
    """Nothing stays behind of a module that is there no more."""
    assert {path.name for path in sources()} == {path.name for path in TARGET.glob("*.py")}
