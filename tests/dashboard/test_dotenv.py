"""What is understood of a .env file that is pasted."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page
from tests.dashboard.modules import open_modules

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser")]


@pytest.fixture(scope="module")
async def page(chromium: Browser) -> AsyncIterator[Page]:
    async with open_modules(chromium) as page:
        yield page


async def parsed(page: Page, text: str) -> Any:
    """Return what the page makes of *text*."""
    script = "async (text) => (await import('/lib/dotenv.js')).parseDotenv(text)"
    return await page.evaluate(script, text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("A=1", {"A": "1"}),
        ("A=1\nB=2\n", {"A": "1", "B": "2"}),
        ("A=1\r\nB=2\rC=3", {"A": "1", "B": "2", "C": "3"}),
        ("\ufeffA=1", {"A": "1"}),
        ("# about\n\n  # more\nA=1", {"A": "1"}),
        ("export A=1", {"A": "1"}),
        ("export\tA = 1", {"A": "1"}),
        ("  A =  b c  ", {"A": "b c"}),
        ("exported=1", {"exported": "1"}),
        ("A=", {"A": ""}),
        ("A=''", {"A": ""}),
        ("A= # nothing", {"A": ""}),
        ("A=b # why", {"A": "b"}),
        ("A=b#c", {"A": "b#c"}),
        ("A='b # c' # why", {"A": "b # c"}),
        ("A=b=c==", {"A": "b=c=="}),
        ("A=postgres://u:p@h:1/d?x=$y", {"A": "postgres://u:p@h:1/d?x=$y"}),
        ("A='$B \\n \"'", {"A": '$B \\n "'}),
        ('A="\\$B\\t\\"c\\"\\\\n"', {"A": '$B\t"c"\\n'}),
        ('A="\\d"', {"A": "\\d"}),
        ('A="b\\nc"', {"A": "b\nc"}),
        ("A=b\\nc", {"A": "b\\nc"}),
        ("A=`'\"`", {"A": "'\""}),
        ('A="-----BEGIN\nb=\n\n-----END"\nC=1', {"A": "-----BEGIN\nb=\n\n-----END", "C": "1"}),
        ("A='b\n# c\n'\nD=1", {"A": "b\n# c\n", "D": "1"}),
        ("A=it's", {"A": "it's"}),
        ("Ä=1\n1A=1\nA-B=1\nC=1", {"C": "1"}),
        ("A=😀 é", {"A": "😀 é"}),
    ],
)
async def test_values_are_read_as_they_are_meant(
    page: Page, text: str, values: dict[str, str]
) -> None:
    """Quotes, comments, export, escapes and values of several lines mean what they usually do."""
    found = (await parsed(page, text))["variables"]

    assert values == {each["key"]: each["value"] for each in found}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("A=1\nfoo", 2, "“foo” has no “=”."),
        ("=1", 1, "There is no name before the “=”"),
        ("\n1A=1", 2, "“1A” is no name"),
        ("my key=1", 1, "“my key” is no name"),
        ('A=1\nB="never\nC=1', 2, "The quote that opens here is never closed."),
        ("A='b' c", 1, "“c” after the closing quote is left out."),
        ("A=1\n\nA=2", 3, "A is on line 1 as well; this one counts."),
        ("x" * 99, 1, f"“{'x' * 40}…” has no “=”."),
    ],
)
async def test_what_cannot_be_read_is_told_by_its_line(
    page: Page, text: str, line: int, words: str
) -> None:
    """In words, and without losing what can be read."""
    (problem,) = (await parsed(page, text))["problems"]

    assert line == problem["line"]
    assert problem["message"].startswith(words)


async def test_what_follows_an_open_quote_is_still_read(page: Page) -> None:
    """One mistake does not swallow the rest of the file."""
    found = await parsed(page, "A='open\nB=2\nA=3")

    assert {"B": "2", "A": "3"} == {each["key"]: each["value"] for each in found["variables"]}
    assert [1] == [problem["line"] for problem in found["problems"]]


async def test_of_a_name_that_comes_twice_the_last_one_counts(page: Page) -> None:
    """As for every program that reads such files."""
    (found,) = (await parsed(page, "A=1\nA=2"))["variables"]

    assert {"key": "A", "value": "2", "line": 2} == found
