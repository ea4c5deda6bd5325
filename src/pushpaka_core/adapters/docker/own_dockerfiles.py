"""What a repository's own Dockerfile may ask for."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from pushpaka_core.errors import BuildError

_NOT_FETCHED = ("http://*", "https://*", "git://*", "docker-image://*pushpaka-*/project-*")
"""The last one is what images of any instance are called that are on this engine."""
_COMMENT = re.compile(r"\s*(?:#|//|\Z)")
_FRONTEND = re.compile(r"\s*(?:#|//)\s*syntax\s*=", re.IGNORECASE)
_ESCAPE = re.compile(r"\s*#\s*escape\s*=\s*`", re.IGNORECASE)
_DENIED = re.compile(r'source "(?P<source>[^"\n]*)" denied by policy')
_HAS_SCHEME = re.compile(r"[^/]*:")
"""Or a host, as in git@host:path."""
_UNQUOTED = str.maketrans("", "", "\"'\\`")


def source_policy(prefix: str) -> str:
    """
    Return what has BuildKit fetch nothing but images, and none that was built here for somebody.

    Those are called after *prefix*, on this engine and in whichever registry, by tag or digest.
    It would fetch from where the platform is, and not from the network of builds. This holds for
    what a Dockerfile makes of variables, and for what the image that it stands on adds.
    """
    denied = (*_NOT_FETCHED, f"docker-image://*/{prefix}*")
    selectors = [{"identifier": each, "matchType": "WILDCARD"} for each in denied]
    return json.dumps({"rules": [{"action": "DENY", "selector": each} for each in selectors]})


def check_dockerfile(text: str, shown: str) -> None:
    """
    Refuse what no build gets here; *shown* is what the file is called.

    Raises:
        BuildError: That says what the file asks for.
    """
    lines = text.removeprefix("\ufeff").split("\n")
    head = list(takewhile(_COMMENT.match, lines))
    if any(map(_FRONTEND.match, head)) or "".join(lines[len(head) :]).lstrip().startswith("{"):
        raise BuildError(
            f"{shown} has a line `# syntax=`: builds run with the engine's own frontend only."
            " Take the line out."
        )
    escape = "`" if any(map(_ESCAPE.match, head)) else "\\"
    for name, words in _instructions(_joined(lines, escape)):
        flags = list(takewhile(_is_flag, (word.translate(_UNQUOTED) for word in words)))
        if asked := next(filter(_is_too_much, flags), None):
            raise BuildError(f"{shown} asks for {asked}, which no build gets here. Take it out.")
        if name == "ADD":
            _check_sources(_unpacked(words[len(flags) :])[:-1], shown)


def denied_source(said: str) -> BuildError | None:
    """Return what *said*, an error of BuildKit's, means where it was not to fetch something."""
    match = _DENIED.search(said)
    if match is None:
        return None
    if image := match["source"].partition("docker-image://")[2]:
        return BuildError(
            f"The Dockerfile takes from {image[:100]}, which was built here for one deployment."
            " Put what is shared into a repository or a registry of its own."
        )
    return _remote(match["source"], "The Dockerfile")


def _instructions(lines: Iterable[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the instructions, those for images that stand on this one too, with their words."""
    for line in lines:
        name, *words = line.split() or [""]
        if name.upper() == "ONBUILD":
            name, *words = words or [""]
        yield name.upper(), words


def _joined(lines: Iterable[str], escape: str) -> Iterator[str]:
    """Yield lines as BuildKit joins them; comments and empty lines end none."""
    pending: list[str] = []
    for line in map(str.strip, lines):
        if not line or line.startswith("#"):
            continue
        pending.append(line.removesuffix(escape))
        if not line.endswith(escape):
            yield "".join(pending)
            pending.clear()
    yield "".join(pending)


def _is_flag(word: str) -> bool:
    return word.startswith("--")


def _is_too_much(flag: str) -> bool:
    wanted = flag.lower()
    return wanted in {"--security=insecure", "--network=host"} or (
        wanted.startswith("--mount=") and "type=ssh" in wanted
    )


def _unpacked(words: Sequence[str]) -> Sequence[str]:
    """Return the words, which may be written as a list of JSON."""
    try:
        listed = json.loads(" ".join(words))
    except (ValueError, RecursionError):
        return words
    return [str(word) for word in listed] if isinstance(listed, list) else words


def _check_sources(sources: Sequence[str], shown: str) -> None:
    for source in (word.translate(_UNQUOTED) for word in sources):
        beginning, variable, _ = source.partition("$")
        if _HAS_SCHEME.match(beginning):
            raise _remote(source, shown)
        if variable and not source.startswith(("/", "./")):
            raise BuildError(
                f"{shown} adds {source[:100]}, of which a variable decides where it is."
                f" Write ./{source[:100]} if it is a file of the repository."
            )


def _remote(source: str, shown: str) -> BuildError:
    return BuildError(
        f"{shown} adds {source[:100]}, and no build fetches anything but images here. Put the file"
        " into the repository, or fetch it by a command, as in `RUN curl`."
    )
