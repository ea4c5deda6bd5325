"""Explains why an image could not be pulled."""

import re
from collections.abc import Mapping
from datetime import timedelta

from pushpaka_core.errors import BuildError, SourceError

_FAILED = re.compile(r"failed to resolve source metadata for (?P<image>\S+): (?P<reason>.*)")
"""BuildKit's message for an image that it could not look up in the registry."""
NO_ANSWER = "timeout"
_REASONS: Mapping[str, str] = {
    r"no matching manifest": "it does not exist for this host's processor architecture",
    r"denied|unauthorized|authoriz|basic auth|forbidden": (
        "its registry has no such image, or the image is private"
    ),
    r"not found|manifest unknown|name unknown|no such image": "its registry has no such image",
    r"toomanyrequests|\b429\b": "its registry is limiting requests from this host",
    r"no such host|server misbehaving": "its registry's host name cannot be resolved",
    r"connection refused": "its registry refuses connections",
    r"x509|certificate": "this host does not trust its registry's certificate",
    r"\bEOF\b|connection reset|malformed": "its registry closed the connection",
    r"timeout|deadline exceeded|request canceled|unreachable": "its registry is not responding",
}
"""Reasons, by a pattern in the message from the engine or BuildKit. The first match counts."""
_MAX_MESSAGE_CHARS = 200
_PLAN_ADVICE = (
    "Deploy again later. If this host cannot reach the registry, ask its operator to set"
    " PUSHPAKA_IMAGE_PREFIX to a mirror."
)
_DOCKERFILE_ADVICE = (
    "Check the name in the Dockerfile, use an image from a registry that this host can reach, or"
    " deploy again later."
)
_APP_ADVICE = (
    "Check its name and tag, set registry_credentials if it is private, or deploy again later."
)
_PRIVATE_APP_ADVICE = (
    "Check its name and tag and the project's registry_credentials, or deploy again later."
)


def image_pull_error(message: str) -> BuildError | None:
    """
    Return the error for an image of a Dockerfile, or None if *message* is
    about something else.
    """
    match = _FAILED.search(message)
    return dockerfile_image_error(match["image"], match["reason"]) if match else None


def plan_image_error(image: str, message: str) -> BuildError:
    """Return the error for a base image of a generated Dockerfile."""
    return BuildError(_sentences(image, message, _PLAN_ADVICE))


def dockerfile_image_error(image: str, message: str) -> BuildError:
    """Return the error for an image named in the repository's own Dockerfile."""
    return BuildError(_sentences(image, message, _DOCKERFILE_ADVICE))


def app_image_error(image: str, message: str, *, has_credentials: bool) -> SourceError:
    """Return the error for the image of a project, which was pulled with or without credentials."""
    advice = _PRIVATE_APP_ADVICE if has_credentials else _APP_ADVICE
    return SourceError(_sentences(image, message, advice))


def app_image_timeout(image: str, timeout: timedelta) -> SourceError:
    """Return the error for the image of a project that was not pulled within *timeout*."""
    return SourceError(
        f"The image {image} could not be pulled within {timeout / timedelta(minutes=1):g} min. "
        "Deploy a smaller image, or ask the operator to raise PUSHPAKA_BUILD_TIMEOUT."
    )


def _sentences(image: str, output: str, advice: str) -> str:
    found = (words for text, words in _REASONS.items() if re.search(text, output, re.IGNORECASE))
    reason = next(found, f"its registry responded with {output[:_MAX_MESSAGE_CHARS]!r}")
    return f"The image {image} could not be pulled: {reason}. {advice}"
