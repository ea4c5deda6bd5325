"""Tests that secrets are masked in every encoding."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushpaka_core.domain.logs.logs import MAX_LINE_LENGTH, LineSplitter
from pushpaka_core.domain.logs.redaction import MIN_SECRET_LENGTH, Redactor

SECRET = 'p"ä s/s&w=1+\\2'

secrets = st.text(
    st.characters(exclude_characters="*\r\n", exclude_categories=["C", "Z"]), min_size=6
)
"""Secrets on one line, without the characters of the mask."""
padding = st.text("ab c", max_size=20)


@pytest.mark.parametrize(
    "encoded_secret",
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
def test_every_encoding_of_a_secret_is_masked(encoded_secret: str) -> None:
    assert "key=***;" == Redactor.of([SECRET]).redact(f"key={encoded_secret};")


@pytest.mark.parametrize("prefix", ["", "u", "us", "user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_secret_inside_base64_is_masked(prefix: str, encode: type) -> None:
    text = encode(f"{prefix}{SECRET}:x".encode()).decode()

    redacted = Redactor.of([SECRET]).redact(text)

    assert "***" in redacted
    assert len(redacted) < len(text) / 2 + len(prefix) + 6


def test_each_line_of_a_secret_is_masked() -> None:
    redactor = Redactor.of(["-----BEGIN KEY-----\n  c2VjcmV0\n-----END KEY-----\n"])

    assert "*** and ***" == redactor.redact("c2VjcmV0 and -----BEGIN KEY-----")


def test_short_values_are_not_masked() -> None:
    assert "port 8080, true" == Redactor.of(["8080", "true", ""]).redact("port 8080, true")


def test_longest_secret_is_masked_first() -> None:
    redactor = Redactor.of(["secret", "secret-and-more"])

    assert "*** ***" == redactor.redact("secret-and-more secret")


def test_overlapping_secrets_are_masked_together() -> None:
    redactor = Redactor.of(["password", "wordpress"])

    assert "a *** b" == redactor.redact("a passwordpress b")
    assert "******" == redactor.redact("passwordwordpress")


@pytest.mark.parametrize(
    ("text", "released_text"),
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
def test_partial_secret_is_held_back(text: str, released_text: str) -> None:
    assert released_text == text[: Redactor.of(["correct horse"]).displayable_length(text)]


def test_overlapping_secret_is_held_back() -> None:
    assert (
        "a "
        == (text := "a password")[: Redactor.of(["password", "wordpress"]).displayable_length(text)]
    )


def test_text_without_secrets_is_unchanged() -> None:
    assert "a*b" == Redactor().redact("a*b") == Redactor.of([]).redact("a*b")


@given(st.lists(secrets, min_size=1, max_size=5), st.lists(padding, max_size=6))
def test_no_secret_is_left_unmasked(values: list[str], paddings: list[str]) -> None:
    text = "".join(p + v for p, v in zip(paddings, values * 2, strict=False))

    redacted = Redactor.of(values).redact(text)

    assert not [value for value in values if value in redacted]


@given(st.integers(-40, 40), st.integers(3000, 20_000), secrets)
def test_line_limit_never_splits_a_secret(offset: int, chunk: int, secret: str) -> None:
    text = "-" * (MAX_LINE_LENGTH + offset) + secret + "-" * 50
    redactor = Redactor.of([secret])
    splitter = LineSplitter(redactor)

    pieces = [text[start : start + chunk] for start in range(0, len(text), chunk)]
    lines = [line for piece in pieces for line in splitter.feed(piece)] + [*splitter.flush()]

    assert text == "".join(lines)
    assert 1 == sum("***" in redactor.redact(line) for line in lines)


def test_secret_longer_than_a_line_is_not_split() -> None:
    secret = "0123456789" * 2000
    splitter = LineSplitter(redactor := Redactor.of([secret]))

    lines = [*splitter.feed(f"{secret}{'x' * 10}"), *splitter.flush()]

    assert ["***", "x" * 10] == [redactor.redact(line) for line in lines]
    assert len(secret) >= redactor.max_length / 2 > MIN_SECRET_LENGTH
