"""What an image is made of is known by all of its files."""

import os
from pathlib import Path

from pushpaka_core.adapters.docker.contexts import digest_of


def test_a_name_that_is_no_text_counts_as_any_other(tmp_path: Path) -> None:
    """Git keeps names as bytes, whatever they are."""
    name = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    before = digest_of(tmp_path)
    with open(name, "wb") as file:  # noqa: PTH123  # The name is bytes.
        file.write(b"x")
    one = digest_of(tmp_path)
    os.rename(name, os.fsencode(tmp_path) + b"/caf\xe8.txt")  # noqa: PTH104

    assert 3 == len({before, one, digest_of(tmp_path)})
