"""Strategies for mutated documents, with parts moved, removed or added."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

ODD_TEXTS: Sequence[str] = (
    "", " ", "\t", "\r", "\n", "\r\n", "\0", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u202e",
    "\ufeff", "\u200d", "\ud800", "é", "\u017f", "\u212a", "\u0131", "\uff41", "\u0430", "💥",
    "%00", "%2e", "%0a", "..", "../", "/", "//", "\\", "-", "--", "@", ":", ";", "#", "?", "&", "=",
    "$(id)", "`id`", "${A}", "'", '"', "{", "}", "[", "]", "<", ">", ",", "*", "!", "~", "^", "|",
    "0", "-0", "1e999", "9" * 400, "NaN", "null", "true", "a" * 3000, "[" * 3000,
)  # fmt: skip
ODD_VALUES: Sequence[Any] = (
    None, True, False, 0, -1, 1.5, 2**63, 10**400, float("nan"), float("inf"), "", "0", "a" * 3000,
    "\0", "\ud800", "../..", "refs/heads/", "0" * 40, [], {}, [None], [[]], {"": None},
)  # fmt: skip


@st.composite
def mutated(draw: DrawFn, valid_texts: SearchStrategy[str] | Sequence[str]) -> str:
    """Draw one of the valid texts with up to four mutations."""
    text = draw(
        valid_texts if isinstance(valid_texts, SearchStrategy) else st.sampled_from(valid_texts)
    )
    for _ in range(draw(st.integers(0, 4))):
        text = draw(_mutated_text(text))
    return text


def mutated_short(valid_texts: Sequence[str]) -> SearchStrategy[str]:
    """Return a strategy for mutated texts that fit into a request header."""
    return mutated(valid_texts).map(lambda text: text[:1000])


def mutated_header(valid_texts: Sequence[str]) -> SearchStrategy[str]:
    """Return a strategy for mutated header values, decoded from bytes as servers do."""
    return mutated_short(valid_texts).map(
        lambda text: text.encode(errors="replace").decode("latin-1")
    )


@st.composite
def mutated_bytes(draw: DrawFn, valid_documents: Sequence[bytes]) -> bytes:
    """Draw one of the valid documents with bytes changed, removed, repeated or inserted."""
    data = draw(st.sampled_from(valid_documents))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 16)))
        put = draw(st.sampled_from([b"", data[start:end] * 2, b"\0", b"\xff", b"\n"]) | st.binary())
        data = data[:start] + put + data[end:]
    return data


@st.composite
def mutated_json(draw: DrawFn, valid_documents: Sequence[Any]) -> Any:
    """Draw one of the valid JSON documents with up to four parts replaced, renamed or removed."""
    document = deepcopy(draw(st.sampled_from(valid_documents)))
    for _ in range(draw(st.integers(0, 4))):
        if not (places := list(_paths(document))):
            break
        *path, last = draw(st.sampled_from(places))
        spot = document
        for key in path:
            spot = spot[key]
        match draw(st.sampled_from(("lose", "replace", "rename", "text"))):
            case "lose":
                del spot[last]
            case "rename" if isinstance(spot, dict):
                spot[draw(st.sampled_from(ODD_TEXTS))] = spot.pop(last)
            case "text" if isinstance(spot[last], str):
                spot[last] = draw(_mutated_text(spot[last]))
            case _:
                spot[last] = deepcopy(draw(st.sampled_from(ODD_VALUES)))
    return document


@st.composite
def _mutated_text(draw: DrawFn, text: str) -> str:
    start = draw(st.integers(0, len(text)))
    end = min(len(text), start + draw(st.integers(0, 8)))
    inner = text[start:end]
    match draw(st.sampled_from(("put", "lose", "replace", "repeat", "case", "lines"))):
        case "put":
            inner = draw(st.sampled_from(ODD_TEXTS)) + inner
        case "lose":
            inner = ""
        case "replace":
            inner = draw(st.sampled_from(ODD_TEXTS) | st.text(max_size=8))
        case "repeat":
            inner *= draw(st.integers(2, 50))
        case "case":
            inner = inner.swapcase()
        case _:
            return "\n".join(draw(st.permutations(text.split("\n"))))
    return text[:start] + inner + text[end:]


def _paths(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the paths to all parts of *value*."""
    inner = dict(enumerate(value)) if isinstance(value, list) else value
    if isinstance(inner, dict):
        for key, each in inner.items():
            yield (*path, key)
            yield from _paths(each, *path, key)
