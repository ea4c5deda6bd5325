"""Redaction: secrets are taken out of text before it is stored or shown."""

import base64
import json
import re
from collections.abc import Iterable
from typing import Self
from urllib.parse import quote, quote_plus

from attrs import frozen

MASKED = "***"
SHORTEST_SECRET = 6
"""Shorter values ("true", "8080") are left: masking them would make a log unreadable and hide nothing."""


@frozen
class Redactor:
    """Masks a set of secrets, also where they were encoded."""

    _pattern: re.Pattern[str] | None = None

    @classmethod
    def of(cls, secrets: Iterable[str]) -> Self:
        """Return a redactor for *secrets*; of one with several lines each line is masked."""
        whole = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        lines = {line.strip() for secret in whole for line in secret.splitlines()}
        forms = {form for secret in whole | lines for form in _forms(secret)}
        longest_first = sorted((form for form in forms if len(form) >= SHORTEST_SECRET), key=len)
        pattern = "|".join(map(re.escape, reversed(longest_first)))
        return cls(re.compile(pattern) if pattern else None)

    def redact(self, text: str) -> str:
        """Return *text* with every secret replaced by ***."""
        return self._pattern.sub(MASKED, text) if self._pattern else text


def _forms(secret: str) -> Iterable[str]:
    raw = secret.encode(errors="replace")
    yield secret
    yield from (quote(secret, safe=""), quote(secret), quote_plus(secret))
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield from _base64_forms(raw)
    yield raw.hex()


def _base64_forms(raw: bytes) -> Iterable[str]:
    """Yield what is common to every base64 text in which *raw* begins at one of the three alignments."""
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + raw)
        first = -(-lead * 8 // 6)
        last = (lead + len(raw)) * 8 // 6
        core = encoded.decode()[first:last]
        yield from (core, core.replace("+", "-").replace("/", "_"))
