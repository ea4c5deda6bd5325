"""Redaction: secrets are taken out of text before it is stored or shown."""

import base64
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Self
from urllib.parse import quote, quote_plus

from attrs import field, frozen

from pushpaka_core.domain.plain_text import clean

MASKED = "***"
SHORTEST_SECRET = 6
"""Shorter ones ("true", "8080") are left: to mask them would spoil a log and hide nothing."""

_MOST_CANDIDATES = 50
"""So many places where a secret may begin are tried; behind them more is held back than needed."""
_LEFT_BY_JAVASCRIPT = "!'()*"
_LEFT_BY_JAVASCRIPT_IN_ADDRESSES = ";,/?:@&=+$#" + _LEFT_BY_JAVASCRIPT
_ESCAPED_BYTE = re.compile("%[0-9A-F]{2}")
_WRAPPED = (76, 64)
"""After so many characters programs that write base64 begin another line."""


@frozen
class Redactor:
    """
    Masks a set of secrets, also where they were encoded.

    A text is searched for what secrets begin with; only what is found is looked at more closely.
    """

    _beginnings: re.Pattern[str] | None = None
    _forms: Mapping[str, Mapping[int, Collection[str]]] = field(factory=dict, repr=False)
    """What is masked, by its beginning and length, the longest first."""
    reach: int = 0
    """The length of the longest text that it masks."""

    @classmethod
    def of(cls, secrets: Iterable[str]) -> Self:
        """Return a redactor for *secrets*; of one with several lines each line is masked."""
        whole = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        lines = {line.strip() for secret in whole for line in secret.splitlines()}
        forms = {form for secret in whole | lines for form in _forms(secret)}
        wanted = sorted(form for form in forms if len(form) >= SHORTEST_SECRET)
        if not wanted:
            return cls()
        by_beginning = {
            beginning: _by_length(group) for beginning, group in groupby(wanted, key=_beginning)
        }
        pattern = re.compile("|".join(_branches(by_beginning)))
        return cls(pattern, by_beginning, max(map(len, wanted)))

    def redact(self, text: str) -> str:
        """Return *text* with every secret replaced by ***, those that overlap by one of these."""
        if self._beginnings is None or not self._beginnings.search(text):
            return text
        parts, place = [], 0
        for start, end in self._found(text):
            parts += [text[place:start], MASKED]
            place = end
        return "".join(parts) + text[place:]

    def cut(self, text: str, most: int) -> int:
        """Return where to cut *text* so that no secret is parted: at *most*, or beside a secret."""
        start, end = self._around(text, most)
        return start or end

    def shown(self, text: str) -> int:
        """Return how much of *text* can be shown, as the rest may be the beginning of a secret."""
        start, _ = self._around(text, self._open_end(text))
        return start

    def _open_end(self, text: str) -> int:
        """Return where the longest end of *text* begins that may become a secret."""
        first = max(0, len(text) - self.reach + 1)
        candidates = (first + place for place in self._places(text[first:]))
        for number, place in enumerate(candidates):
            if number == _MOST_CANDIDATES or self._goes_on(text[place:]):
                return place
        last = range(max(0, len(text) - SHORTEST_SECRET + 1), len(text))
        ends = (place for place in last if self._begins(text[place:]))
        return next(ends, len(text))

    def _goes_on(self, end: str) -> bool:
        forms = self._forms[_beginning(end)]
        longer = (form for length in forms if length > len(end) for form in forms[length])
        return any(form.startswith(end) for form in longer)

    def _begins(self, end: str) -> bool:
        return any(beginning.startswith(end) for beginning in self._forms)

    def _around(self, text: str, place: int) -> tuple[int, int]:
        """Return the ends of what hides *place* within, or that place twice."""
        found = (ends for ends in self._found(text) if ends[0] < place < ends[1])
        return next(found, (place, place))

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield from where to where there are secrets; those that overlap are one."""
        start = end = 0
        for place in self._places(text):
            forms = self._forms[_beginning(text[place : place + SHORTEST_SECRET])]
            length = next((n for n in forms if text[place : place + n] in forms[n]), 0)
            if length and place >= end:
                if end:
                    yield start, end
                start = place
            end = max(end, place + length) if length else end
        if end:
            yield start, end

    def _places(self, text: str) -> Iterator[int]:
        """Yield where something begins as a secret does."""
        found = self._beginnings.search(text) if self._beginnings else None
        while self._beginnings and found:
            yield found.start()
            found = self._beginnings.search(text, found.start() + 1)


def _by_length(forms: Iterable[str]) -> Mapping[int, Collection[str]]:
    longest_first = sorted(forms, key=len, reverse=True)
    return {length: frozenset(group) for length, group in groupby(longest_first, key=len)}


def _beginning(form: str) -> str:
    return form[:SHORTEST_SECRET]


def _branches(beginnings: Iterable[str]) -> Iterator[str]:
    """Yield a pattern for each first character, so that most of a text is passed over quickly."""
    for first, group in groupby(sorted(beginnings), key=itemgetter(0)):
        yield f"{re.escape(first)}(?:{'|'.join(re.escape(each[1:]) for each in group)})"


def _forms(secret: str) -> Iterator[str]:
    raw = secret.encode(errors="replace")
    yield from (secret, clean(secret))
    for escaped in _in_addresses(raw):
        yield escaped
        yield _ESCAPED_BYTE.sub(lambda byte: byte[0].lower(), escaped)
    yield from _in_json(secret)
    yield from _in_base64(raw)
    yield from (raw.hex(), raw.hex().upper())


def _in_addresses(raw: bytes) -> Iterator[str]:
    """Yield it as programs escape it, some more of its characters and some less."""
    yield from (quote(raw, safe=""), quote(raw), quote_plus(raw))
    yield quote(raw, safe=_LEFT_BY_JAVASCRIPT)
    yield quote(raw, safe=_LEFT_BY_JAVASCRIPT_IN_ADDRESSES)
    yield quote_plus(raw, safe="*").replace("~", "%7E")


def _in_json(secret: str) -> Iterator[str]:
    for escaped in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield escaped
        yield escaped.replace("/", "\\/")
        yield re.sub("[<>&]", lambda character: f"\\u{ord(character[0]):04x}", escaped)


def _in_base64(raw: bytes) -> Iterator[str]:
    """Yield what every base64 text has in common in which *raw* begins at one of three places."""
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + raw)
        first = -(-lead * 8 // 6)
        last = (lead + len(raw)) * 8 // 6
        core = encoded.decode()[first:last]
        yield from (core, core.replace("+", "-").replace("/", "_"))
        if lead == 0:
            yield from (core[at : at + size] for size in _WRAPPED for at in range(0, last, size))
