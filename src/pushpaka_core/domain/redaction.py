"""Redaction: secrets are taken out of text before it is stored or shown."""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Self
from urllib.parse import quote, quote_plus

from attrs import frozen

MASKED = "***"
SHORTEST_SECRET = 6
"""Shorter ones ("true", "8080") are left: to mask them would spoil a log and hide nothing."""


@frozen
class Redactor:
    """Masks a set of secrets, also where they were encoded."""

    _pattern: re.Pattern[str] | None = None
    reach: int = 0
    """The length of the longest text that it masks."""

    @classmethod
    def of(cls, secrets: Iterable[str]) -> Self:
        """Return a redactor for *secrets*; of one with several lines each line is masked."""
        whole = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        lines = {line.strip() for secret in whole for line in secret.splitlines()}
        forms = {form for secret in whole | lines for form in _forms(secret)}
        wanted = {form for form in forms if len(form) >= SHORTEST_SECRET}
        if not wanted:
            return cls()
        return cls(re.compile("|".join(_branches(wanted))), max(map(len, wanted)))

    def redact(self, text: str) -> str:
        """Return *text* with every secret replaced by ***."""
        return self._pattern.sub(MASKED, text) if self._pattern else text

    def cut(self, text: str, most: int) -> int:
        """Return where to cut *text* so that no secret is parted: at *most*, or beside a secret."""
        found = self._pattern.finditer(text) if self._pattern else ()
        parted = next((match for match in found if match.start() < most < match.end()), None)
        return most if parted is None else parted.start() or parted.end()


def _branches(forms: Iterable[str]) -> Iterator[str]:
    """Yield a pattern for each first character, so that most of a text is passed over quickly."""
    for first, group in groupby(sorted(forms), key=itemgetter(0)):
        rests = sorted((form[1:] for form in group), key=len, reverse=True)
        yield f"{re.escape(first)}(?:{'|'.join(map(re.escape, rests))})"


def _forms(secret: str) -> Iterable[str]:
    raw = secret.encode(errors="replace")
    yield secret
    yield from (quote(raw, safe=""), quote(raw), quote_plus(raw))
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield from _base64_forms(raw)
    yield from (raw.hex(), raw.hex().upper())


def _base64_forms(raw: bytes) -> Iterable[str]:
    """Yield what every base64 text has in common in which *raw* begins at one of three places."""
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + raw)
        first = -(-lead * 8 // 6)
        last = (lead + len(raw)) * 8 // 6
        core = encoded.decode()[first:last]
        yield from (core, core.replace("+", "-").replace("/", "_"))
