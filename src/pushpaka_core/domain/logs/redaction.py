"""Masks secrets and removes control characters in text that is stored or displayed."""

import base64
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Self
from urllib.parse import quote, quote_plus

from attrs import field, frozen

_MAX_QUOTED = 100
_UNSAFE = re.compile(
    r"(\x1b\[[0-9;]{0,32}m)|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]"
)
_URL_PASSWORD = re.compile(r"://[^\s:/?#@]*:([^\s/?#@]+)@")

REDACTED = "***"
MIN_SECRET_LENGTH = 6
"""
The minimum length of a secret to mask.

Masking shorter values ("true", "8080") would garble logs and protect nothing.
"""

_MAX_CANDIDATES = 50
"""
The maximum number of positions at the end of a text that are checked for the beginning of a secret.
If there are more, more text than necessary is held back.
"""
_ENCODE_URI_COMPONENT_SAFE = "!'()*"
_ENCODE_URI_SAFE = ";,/?:@&=+$#" + _ENCODE_URI_COMPONENT_SAFE
_ESCAPED_BYTE = re.compile("%[0-9A-F]{2}")
_BASE64_LINE_LENGTHS = (76, 64)
"""The line lengths at which programs wrap base64 text."""


def strip_control_characters(text: str) -> str:
    """
    Return *text* without control characters and escape sequences.

    TAB and color sequences (SGR) are kept.
    """
    return text if text.isprintable() else _UNSAFE.sub(lambda match: match[1] or "", text)


def quoted(text: str) -> str:
    """Return the start of *text* in quotes for a message, with unprintable characters escaped."""
    start = text[:_MAX_QUOTED]
    shown = json.dumps(start, ensure_ascii=not start.isprintable())
    return shown if start == text else f"{shown}…"


@frozen
class Redactor:
    """
    Masks a set of secrets, including their encoded forms.

    A single regular expression finds the beginnings of secrets, and full comparisons are made only
    at these positions.
    """

    _prefix_pattern: re.Pattern[str] | None = None
    _forms: Mapping[str, Mapping[int, Collection[str]]] = field(factory=dict, repr=False)
    """The secrets and their encoded forms, by first characters, then by length (longest first)."""
    max_length: int = 0
    """The length of the longest secret or encoded form, in characters."""

    @classmethod
    def of(cls, secrets: Iterable[str]) -> Self:
        """
        Return a redactor for *secrets*.

        Each line of a multi-line secret is also masked on its own, and so is the password in a URL.
        """
        given = set(secrets)
        passwords = {found for one in given for found in _URL_PASSWORD.findall(one)}
        whole = {secret for secret in given | passwords if len(secret) >= MIN_SECRET_LENGTH}
        lines = {line.strip() for secret in whole for line in secret.splitlines()}
        forms = {form for secret in whole | lines for form in _forms(secret)}
        long_forms = sorted(form for form in forms if len(form) >= MIN_SECRET_LENGTH)
        if not long_forms:
            return cls()
        by_beginning = {
            beginning: _group_by_length(group)
            for beginning, group in groupby(long_forms, key=_beginning)
        }
        pattern = re.compile("|".join(_grouped_patterns(by_beginning)))
        return cls(pattern, by_beginning, max(map(len, long_forms)))

    def redact(self, text: str) -> str:
        """
        Return *text* with every secret replaced by REDACTED.

        Overlapping secrets are replaced together.
        """
        if self._prefix_pattern is None or not self._prefix_pattern.search(text):
            return text
        parts, place = [], 0
        for start, end in self._matches(text):
            parts += [text[place:start], REDACTED]
            place = end
        return "".join(parts) + text[place:]

    def split_position(self, text: str, max_length: int) -> int:
        """
        Return the position at which to split *text*: *max_length*, unless it is inside a secret.

        If it is, return the start of the secret, or its end if *text* starts with the secret.
        """
        start, end = self._enclosing_secret(text, max_length)
        return start or end

    def displayable_length(self, text: str) -> int:
        """
        Return the length of the prefix of *text* that can be displayed.

        The rest may be the beginning of a secret that is still arriving.
        """
        start, _ = self._enclosing_secret(text, self._partial_secret_start(text))
        return start

    def _partial_secret_start(self, text: str) -> int:
        """Return the start of the longest suffix of *text* that may begin a secret."""
        first = max(0, len(text) - self.max_length + 1)
        candidates = (first + place for place in self._candidate_positions(text[first:]))
        for number, place in enumerate(candidates):
            if number == _MAX_CANDIDATES or self._continues_as_secret(text[place:]):
                return place
        last = range(max(0, len(text) - MIN_SECRET_LENGTH + 1), len(text))
        ends = (place for place in last if self._begins_secret(text[place:]))
        return next(ends, len(text))

    def _continues_as_secret(self, text_end: str) -> bool:
        forms = self._forms[_beginning(text_end)]
        longer = (form for length in forms if length > len(text_end) for form in forms[length])
        return any(form.startswith(text_end) for form in longer)

    def _begins_secret(self, text_end: str) -> bool:
        return any(beginning.startswith(text_end) for beginning in self._forms)

    def _enclosing_secret(self, text: str, position: int) -> tuple[int, int]:
        """Return the start and end of the secret that contains *position*, or *position* twice."""
        found = (ends for ends in self._matches(text) if ends[0] < position < ends[1])
        return next(found, (position, position))

    def _matches(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the start and end of each secret. Overlapping secrets are merged."""
        start = end = 0
        for place in self._candidate_positions(text):
            forms = self._forms[_beginning(text[place : place + MIN_SECRET_LENGTH])]
            length = next((n for n in forms if text[place : place + n] in forms[n]), 0)
            if length and place >= end:
                if end:
                    yield start, end
                start = place
            end = max(end, place + length) if length else end
        if end:
            yield start, end

    def _candidate_positions(self, text: str) -> Iterator[int]:
        """Yield the positions that match the beginning of a secret."""
        found = self._prefix_pattern.search(text) if self._prefix_pattern else None
        while self._prefix_pattern and found:
            yield found.start()
            found = self._prefix_pattern.search(text, found.start() + 1)


def _group_by_length(forms: Iterable[str]) -> Mapping[int, Collection[str]]:
    longest_first = sorted(forms, key=len, reverse=True)
    return {length: frozenset(group) for length, group in groupby(longest_first, key=len)}


def _beginning(form: str) -> str:
    return form[:MIN_SECRET_LENGTH]


def _grouped_patterns(beginnings: Iterable[str]) -> Iterator[str]:
    """Yield one pattern for each first character, so that most of a text is skipped quickly."""
    for first, group in groupby(sorted(beginnings), key=itemgetter(0)):
        yield f"{re.escape(first)}(?:{'|'.join(re.escape(each[1:]) for each in group)})"


def _forms(secret: str) -> Iterator[str]:
    raw = secret.encode(errors="replace")
    yield from (secret, strip_control_characters(secret))
    for escaped in _percent_encoded_forms(raw):
        yield escaped
        yield _ESCAPED_BYTE.sub(lambda byte: byte[0].lower(), escaped)
    yield from _json_encoded_forms(secret)
    yield from _base64_encoded_forms(raw)
    yield from (raw.hex(), raw.hex().upper())


def _percent_encoded_forms(secret: bytes) -> Iterator[str]:
    """Yield the percent-encoded forms. Programs differ in which characters they escape."""
    yield from (quote(secret, safe=""), quote(secret), quote_plus(secret))
    yield quote(secret, safe=_ENCODE_URI_COMPONENT_SAFE)
    yield quote(secret, safe=_ENCODE_URI_SAFE)
    yield quote_plus(secret, safe="*").replace("~", "%7E")


def _json_encoded_forms(secret: str) -> Iterator[str]:
    for escaped in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield escaped
        yield escaped.replace("/", "\\/")
        yield re.sub("[<>&]", lambda character: f"\\u{ord(character[0]):04x}", escaped)


def _base64_encoded_forms(secret: bytes) -> Iterator[str]:
    """
    Yield the part of the base64 forms that does not depend on the surrounding text.

    *secret* can start at one of three offsets within a group of three bytes.
    """
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + secret)
        first = -(-lead * 8 // 6)
        last = (lead + len(secret)) * 8 // 6
        core = encoded.decode()[first:last]
        yield from (core, core.replace("+", "-").replace("/", "_"))
        if lead == 0:
            yield from (
                core[at : at + size] for size in _BASE64_LINE_LENGTHS for at in range(0, last, size)
            )
