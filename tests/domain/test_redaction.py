"""Secrets are taken out of text, however they were written into it."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushpaka_core.domain.logs import LONGEST_LINE, LineSplitter
from pushpaka_core.domain.redaction import SHORTEST_SECRET, Redactor

SECRET = 'p"ä s/s&w=1+\\2'

secrets = st.text(
    st.characters(exclude_characters="*\r\n", exclude_categories=["C", "Z"]), min_size=6
)
"""Of one line, and without what a mask is made of."""
padding = st.text("ab c", max_size=20)


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(SECRET)[1:-1].replace("/", "\\/"),
        'p\\"\\u00e4 s/s\\u0026w=1+\\\\2',
        "p%22%c3%a4%20s%2fs%26w%3d1%2b%5c2",
        "p%22%c3%a4+s%2fs%26w%3d1%2b%5c2",
        "p%22%C3%A4%20s/s&w=1+%5C2",
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
    ],
)
def test_a_secret_is_masked_in_each_of_its_forms(written: str) -> None:
    """As it is, and as programs write it into addresses, JSON and dumps."""
    assert "key=***;" == Redactor.of([SECRET]).redact(f"key={written};")


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_is_masked_inside_of_base64(before: str, encode: type) -> None:
    """Wherever it begins in what was encoded, as in an Authorization header."""
    text = encode(f"{before}{SECRET}:x".encode()).decode()

    redacted = Redactor.of([SECRET]).redact(text)

    assert "***" in redacted
    assert len(redacted) < len(text) / 2 + len(before) + 6


def test_each_line_of_a_secret_is_masked() -> None:
    """A key of several lines is printed line by line."""
    redactor = Redactor.of(["-----BEGIN KEY-----\n  c2VjcmV0\n-----END KEY-----\n"])

    assert "*** and ***" == redactor.redact("c2VjcmV0 and -----BEGIN KEY-----")


def test_short_values_are_left() -> None:
    """What is shorter than six characters is not worth an unreadable log."""
    assert "port 8080, true" == Redactor.of(["8080", "true", ""]).redact("port 8080, true")


def test_the_longest_secret_is_masked_first() -> None:
    """Of a secret that begins with another one nothing is left over."""
    redactor = Redactor.of(["secret", "secret-and-more"])

    assert "*** ***" == redactor.redact("secret-and-more secret")


def test_secrets_that_overlap_are_masked_as_one() -> None:
    """Nothing is left of the second one; beside each other they stay two."""
    redactor = Redactor.of(["password", "wordpress"])

    assert "a *** b" == redactor.redact("a passwordpress b")
    assert "******" == redactor.redact("passwordwordpress")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Your name? ", "Your name? "),
        ("Say: corr", "Say: "),
        ("Say: correct hors", "Say: "),
        ("Say: correct horse", "Say: correct horse"),
        ("Say: correct hose", "Say: correct hose"),
        ("Say: correct horse c", "Say: correct horse "),
        ("correct correct", "correct "),
    ],
)
def test_the_beginning_of_a_secret_is_not_shown_before_its_end(text: str, shown: str) -> None:
    """All else is."""
    assert shown == text[: Redactor.of(["correct horse"]).shown(text)]


def test_what_overlaps_is_not_shown_in_part() -> None:
    """The end of one secret may be the beginning of another one."""
    assert "a " == (text := "a password")[: Redactor.of(["password", "wordpress"]).shown(text)]


def test_without_secrets_nothing_changes() -> None:
    """A redactor of nothing returns each text as it is."""
    assert "a*b" == Redactor().redact("a*b") == Redactor.of([]).redact("a*b")


@given(st.lists(secrets, min_size=1, max_size=5), st.lists(padding, max_size=6))
def test_no_secret_is_ever_left(values: list[str], paddings: list[str]) -> None:
    """Whatever the secrets are and wherever they stand, none of them is in the result."""
    text = "".join(p + v for p, v in zip(paddings, values * 2, strict=False))

    redacted = Redactor.of(values).redact(text)

    assert not [value for value in values if value in redacted]


@given(st.integers(-40, 40), st.integers(3000, 20_000), secrets)
def test_no_secret_is_parted_by_the_limit_of_a_line(place: int, chunk: int, secret: str) -> None:
    """A secret near the limit is whole in one of the two lines, however the text came."""
    text = "-" * (LONGEST_LINE + place) + secret + "-" * 50
    redactor = Redactor.of([secret])
    splitter = LineSplitter(redactor)

    pieces = [text[start : start + chunk] for start in range(0, len(text), chunk)]
    lines = [line for piece in pieces for line in splitter.feed(piece)] + [*splitter.flush()]

    assert text == "".join(lines)
    assert 1 == sum("***" in redactor.redact(line) for line in lines)


def test_a_secret_over_the_limit_of_a_line_is_one_piece() -> None:
    """A value that is longer than a line is kept together, and so masked."""
    secret = "0123456789" * 2000
    splitter = LineSplitter(redactor := Redactor.of([secret]))

    lines = [*splitter.feed(f"{secret}{'x' * 10}"), *splitter.flush()]

    assert ["***", "x" * 10] == [redactor.redact(line) for line in lines]
    assert len(secret) >= redactor.reach / 2 > SHORTEST_SECRET
