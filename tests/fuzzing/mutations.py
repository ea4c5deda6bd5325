"""Documents that are nearly sound: those of people, with something moved, lost or put in."""

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
def nearly(draw: DrawFn, sound: SearchStrategy[str] | Sequence[str]) -> str:
    """Return one of the *sound* texts, after up to four changes of it."""
    text = draw(sound if isinstance(sound, SearchStrategy) else st.sampled_from(sound))
    for _ in range(draw(st.integers(0, 4))):
        text = draw(_changed(text))
    return text


def nearly_short(sound: Sequence[str]) -> SearchStrategy[str]:
    """Return such texts of a length that still fits into the head of a request."""
    return nearly(sound).map(lambda text: text[:1000])


def nearly_header(sound: Sequence[str]) -> SearchStrategy[str]:
    """Return such texts as servers read them, of whatever bytes are sent."""
    return nearly_short(sound).map(lambda text: text.encode(errors="replace").decode("latin-1"))


@st.composite
def nearly_bytes(draw: DrawFn, sound: Sequence[bytes]) -> bytes:
    """Return one of the *sound* documents, with some bytes changed, lost, repeated or put in."""
    data = draw(st.sampled_from(sound))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 16)))
        put = draw(st.sampled_from([b"", data[start:end] * 2, b"\0", b"\xff", b"\n"]) | st.binary())
        data = data[:start] + put + data[end:]
    return data


@st.composite
def nearly_json(draw: DrawFn, sound: Sequence[Any]) -> Any:
    """Return one of the *sound* documents, in which up to four places hold something else."""
    document = deepcopy(draw(st.sampled_from(sound)))
    for _ in range(draw(st.integers(0, 4))):
        if not (places := list(_places(document))):
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
                spot[last] = draw(_changed(spot[last]))
            case _:
                spot[last] = deepcopy(draw(st.sampled_from(ODD_VALUES)))
    return document


@st.composite
def _changed(draw: DrawFn, text: str) -> str:
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


def _places(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the path to everything that is in *value*."""
    inner = dict(enumerate(value)) if isinstance(value, list) else value
    if isinstance(inner, dict):
        for key, each in inner.items():
            yield (*path, key)
            yield from _places(each, *path, key)
