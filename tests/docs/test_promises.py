"""What is promised is shown."""

from tests.security.test_document import NAMED, ROOT

PROMISES = (ROOT / "docs/promises.md").read_text()


def test_every_promise_names_what_shows_it() -> None:
    """A promise that no test would break is a wish."""
    _, *sections = PROMISES.split("\n## ")

    assert 10 == len(sections)
    assert [] == [section.partition("\n")[0] for section in sections if not NAMED.search(section)]
