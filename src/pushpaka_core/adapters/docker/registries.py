"""Why an image could not be fetched, in words for whoever has to do something about it."""

import re
from collections.abc import Mapping

from pushpaka_core.errors import BuildError

_FAILED = re.compile(r"failed to resolve source metadata for (?P<image>\S+): (?P<said>.*)")
"""What BuildKit says of an image that it could not ask for."""
SILENT = "timeout"
_REASONS: Mapping[str, str] = {
    r"denied|unauthorized|authoriz": "its registry has no such image, or not for everybody",
    r"not found|manifest unknown|no such image": "its registry has no such image",
    r"toomanyrequests|429": "its registry takes no more requests from this host for now",
    r"no such host|server misbehaving": "the name of its registry is not known here",
    r"connection refused": "its registry refuses connections",
    r"x509|certificate": "the certificate of its registry is not trusted here",
    r"\bEOF\b|connection reset|malformed": "its registry breaks off",
    r"timeout|deadline exceeded|request canceled|unreachable": "its registry does not answer",
}
"""By what is found in the words of the engine, or of BuildKit; the first one counts."""
_MOST = 200
_OF_A_PLAN = (
    "Deploy again later. Where this host has no way to that registry, its operator can name a"
    " mirror of such images by PUSHPAKA_IMAGE_PREFIX."
)
_OF_A_DOCKERFILE = (
    "Check its name in the Dockerfile, take an image of a registry that this host can reach, or"
    " deploy again later."
)


def image_failure(said: str) -> BuildError | None:
    """Return what *said*, an error of BuildKit's, means for a Dockerfile; None if no image is."""
    match = _FAILED.search(said)
    return dockerfile_failure(match["image"], match["said"]) if match else None


def plan_failure(image: str, said: str) -> BuildError:
    """Return the failure to fetch an image of ours, of which the engine *said* why."""
    return _failure(image, said, _OF_A_PLAN)


def dockerfile_failure(image: str, said: str) -> BuildError:
    """Return the failure to fetch an image that a repository's own Dockerfile names."""
    return _failure(image, said, _OF_A_DOCKERFILE)


def _failure(image: str, said: str, advice: str) -> BuildError:
    found = (words for text, words in _REASONS.items() if re.search(text, said, re.IGNORECASE))
    reason = next(found, f"its registry answers {said[:_MOST]!r}")
    return BuildError(f"The image {image} could not be fetched: {reason}. {advice}")
