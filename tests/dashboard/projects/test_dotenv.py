"""Tests the parser for pasted .env files."""

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


async def parse(page: Page, text: str) -> Any:
    """Return the result of the parser for *text*."""
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
async def test_values_are_parsed(page: Page, text: str, values: dict[str, str]) -> None:
    """Quotes, comments, export, escapes and multi-line values have their usual meaning."""
    found = (await parse(page, text))["variables"]

    assert values == {each["key"]: each["value"] for each in found}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("A=1\nfoo", 2, "“foo” has no “=”."),
        ("=1", 1, "The name before the “=” is missing"),
        ("\n1A=1", 2, "“1A” is not a valid name"),
        ("my key=1", 1, "“my key” is not a valid name"),
        ('A=1\nB="never\nC=1', 2, "The closing quote is missing."),
        ("A='b' c", 1, "“c” after the closing quote is ignored."),
        ("A=1\n\nA=2", 3, "A is also set on line 1. This line takes precedence."),
        ("x" * 99, 1, f"“{'x' * 40}…” has no “=”."),
    ],
)
async def test_errors_have_line_numbers(page: Page, text: str, line: int, message: str) -> None:
    """Each error has a message, and the other lines are still parsed."""
    (problem,) = (await parse(page, text))["problems"]

    assert line == problem["line"]
    assert problem["message"].startswith(message)


async def test_lines_after_an_open_quote_are_parsed(page: Page) -> None:
    """An unterminated quote does not hide the rest of the file."""
    found = await parse(page, "A='open\nB=2\nA=3")

    assert {"B": "2", "A": "3"} == {each["key"]: each["value"] for each in found["variables"]}
    assert [1] == [problem["line"] for problem in found["problems"]]


async def test_last_value_of_a_name_wins(page: Page) -> None:
    """Other programs that read .env files do the same."""
    (found,) = (await parse(page, "A=1\nA=2"))["variables"]

    assert {"key": "A", "value": "2", "line": 2} == found
