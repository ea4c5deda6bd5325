"""Restrictions on the Dockerfiles of repositories."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from pushpaka_core.errors import BuildError

_DENIED_SOURCES = ("http://*", "https://*", "git://*", "docker-image://*pushpaka-*/project-*")
"""Sources that builds may not use. The last pattern matches images built by any instance."""
_COMMENT = re.compile(r"\s*(?:#|//|\Z)")
_FRONTEND = re.compile(r"\s*(?:#|//)\s*syntax\s*=", re.IGNORECASE)
_ESCAPE = re.compile(r"\s*#\s*escape\s*=\s*`", re.IGNORECASE)
_DENIED = re.compile(r'source "(?P<source>[^"\n]*)" denied by policy')
_HAS_SCHEME = re.compile(r"[^/]*:")
"""A URL scheme, or a host as in git@host:path."""
_UNQUOTED = str.maketrans("", "", "\"'\\`")


def source_policy(prefix: str) -> str:
    """
    Return a BuildKit source policy that only allows images, except those built by any instance.

    Without the policy, BuildKit would fetch `ADD <url>` over the host's network instead of the
    network of builds, and a build could copy from images of other projects. The policy also covers
    sources with variables and those in ONBUILD instructions of base images.

    Args:
        prefix: Prefix of the image names of this instance, in any registry.
    """
    denied = (*_DENIED_SOURCES, f"docker-image://*/{prefix}*")
    selectors = [{"identifier": each, "matchType": "WILDCARD"} for each in denied]
    return json.dumps({"rules": [{"action": "DENY", "selector": each} for each in selectors]})


def require_allowed_dockerfile(text: str, display_name: str) -> None:
    """
    Raise BuildError if the Dockerfile uses a feature that is not allowed.

    Args:
        text: Content of the Dockerfile.
        display_name: Name of the file for the error message.

    Raises:
        BuildError: If the Dockerfile has a syntax line, uses a privileged option, or adds a remote
            file.
    """
    lines = text.removeprefix("\ufeff").split("\n")
    head = list(takewhile(_COMMENT.match, lines))
    if any(map(_FRONTEND.match, head)):
        raise BuildError(
            f"{display_name} has a `# syntax=` line, but builds can use only the engine's built-in "
            "frontend. Remove the line."
        )
    if "".join(lines[len(head) :]).lstrip().startswith("{"):
        raise BuildError(
            f"{display_name} starts with JSON, which can select a frontend, but builds can use "
            "only the engine's built-in frontend. Remove the JSON."
        )
    escape = "`" if any(map(_ESCAPE.match, head)) else "\\"
    for name, words in _instructions(_joined_lines(lines, escape)):
        flags = list(takewhile(_is_flag, (word.translate(_UNQUOTED) for word in words)))
        if asked := next(filter(_is_privileged_flag, flags), None):
            raise BuildError(
                f"{display_name} uses {asked}, which is not allowed in builds. Remove it."
            )
        if name == "ADD":
            _require_local_sources(_parse_arguments(words[len(flags) :])[:-1], display_name)


def source_denied_error(message: str) -> BuildError | None:
    """
    Return the error for a source that BuildKit's policy denied, or None if *message* is about
    something else.
    """
    match = _DENIED.search(message)
    if match is None:
        return None
    if image := match["source"].partition("docker-image://")[2]:
        return BuildError(
            f"The Dockerfile uses {image[:100]}, an image that was built for a deployment."
            " Push shared images to a registry and use them from there."
        )
    return _remote_source_error(match["source"], "The Dockerfile")


def _instructions(lines: Iterable[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield each instruction with its words, including the instructions in ONBUILD."""
    for line in lines:
        name, *words = line.split() or [""]
        if name.upper() == "ONBUILD":
            name, *words = words or [""]
        yield name.upper(), words


def _joined_lines(lines: Iterable[str], escape: str) -> Iterator[str]:
    """Join continued lines as BuildKit does, which skips comments and empty lines in between."""
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


def _is_privileged_flag(flag: str) -> bool:
    normalized = flag.lower()
    return normalized in {"--security=insecure", "--network=host"} or (
        normalized.startswith("--mount=") and "type=ssh" in normalized
    )


def _parse_arguments(words: Sequence[str]) -> Sequence[str]:
    """Return the arguments of an instruction, which may be written as a JSON list."""
    try:
        listed = json.loads(" ".join(words))
    except (ValueError, RecursionError):
        return words
    return [str(word) for word in listed] if isinstance(listed, list) else words


def _require_local_sources(sources: Sequence[str], display_name: str) -> None:
    for source in (word.translate(_UNQUOTED) for word in sources):
        beginning, variable, _ = source.partition("$")
        if _HAS_SCHEME.match(beginning):
            raise _remote_source_error(source, display_name)
        if variable and not source.startswith(("/", "./")):
            raise BuildError(
                f"{display_name} adds {source[:100]}, which may be a URL, depending on a variable. "
                f"Write ./{source[:100]} if it is a file in the repository."
            )


def _remote_source_error(source: str, display_name: str) -> BuildError:
    return BuildError(
        f"{display_name} adds {source[:100]}, but builds can fetch only images. Add the file to the"
        " repository, or download it with a command, for example `RUN curl`."
    )
