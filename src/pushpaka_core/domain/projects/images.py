"""References to container images in registries."""

import re
from base64 import b64encode
from typing import Self

from attrs import evolve, field, frozen

from pushpaka_core.domain.validation import limited_to

DOCKER_HUB = "docker.io"
"""The registry for image names without a registry, as in `docker pull`."""
_DOCKER_HUB_ALIASES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})
_EXAMPLE = "such as ghcr.io/acme/shop:1.4"

_NAME = re.compile(
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
)
_REGISTRY = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PLATFORM_IMAGE = re.compile(r"(?:.*/)?pushpaka-[0-9a-f]{12}(?:/.*)?")
"""Matches the repository names of images that any instance builds, also in a registry."""


@frozen(kw_only=True)
class RegistryCredentials:
    """Credentials for a registry."""

    user: str
    password: str = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the credentials in *text*, which has the form "USER:PASSWORD"."""
        user, _, password = text.partition(":")
        return cls(user=user, password=password)

    @property
    def basic_auth(self) -> str:
        """Return the credentials in the form of HTTP basic authentication."""
        return b64encode(f"{self.user}:{self.password}".encode()).decode()


@frozen(kw_only=True)
class ImageReference:
    """An image in a registry. `str` returns the reference that `docker pull` accepts."""

    registry: str
    """The registry's host name in lowercase, with the port if there is one."""
    repository: str
    """The path of the repository in the registry, for example "acme/shop"."""
    tag: str | None = None
    digest: str | None = None
    """The digest of the content, for example "sha256:…". It takes precedence over the tag."""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"

    @property
    def name(self) -> str:
        """Return the registry and the repository."""
        return f"{self.registry}/{self.repository}"

    @property
    def pull_reference(self) -> str:
        """Return the reference to pull: by digest if it is known, else by tag."""
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"

    def with_tag(self, tag: str, digest: str | None = None) -> Self:
        """Return another image of the same repository."""
        return evolve(self, tag=tag, digest=digest)

    def with_digest(self, digest: str) -> Self:
        """Return the image pinned to *digest*."""
        return evolve(self, digest=digest)


def parse_image(text: str) -> ImageReference:
    """
    Parse an image reference as `docker pull` does. Without tag and digest, the tag is "latest".

    https://github.com/distribution/reference

    Raises:
        ValueError: If the reference is malformed. The message is a clause such as "must be …".
    """
    if "://" in text:
        raise ValueError(f"must be an image {_EXAMPLE}, without {text.partition('://')[0]}://")
    rest, has_digest, digest = text.partition("@")
    if has_digest and not _DIGEST.fullmatch(digest):
        raise ValueError('must have a valid digest after the @: "sha256:" and 64 hex digits')
    name, has_tag, tag = rest.rpartition(":")
    if not has_tag or "/" in tag:
        name, tag = rest, "" if has_digest else "latest"
    elif not _TAG.fullmatch(tag):
        raise ValueError(
            "must have a tag of 1 to 128 letters, digits, underscores, dots or hyphens after the "
            f"colon, {_EXAMPLE}"
        )
    registry, repository = _split(name)
    if not _REGISTRY.fullmatch(registry):
        raise ValueError(f"must begin with the host name of a registry, {_EXAMPLE}")
    if not _NAME.fullmatch(repository):
        raise ValueError(
            f"must be the name of an image {_EXAMPLE}, with only lowercase letters, digits and "
            'the characters "-_./"'
        )
    if _PLATFORM_IMAGE.fullmatch(repository):
        raise ValueError("must not be an image that Pushpaka stores for a project")
    return ImageReference(
        registry=registry.lower(), repository=repository, tag=tag or None, digest=digest or None
    )


@limited_to(512)
def check_image(value: str) -> None:
    """Raise ValueError unless *value* is an image reference."""
    parse_image(value)


def is_tag(text: str) -> bool:
    """Return True if *text* is a valid tag."""
    return _TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Return True if *text* is the digest of an image."""
    return _DIGEST.fullmatch(text) is not None


def _split(name: str) -> tuple[str, str]:
    """Return the registry and the repository of an image name."""
    first, has_path, rest = name.partition("/")
    is_registry = "." in first or ":" in first or first == "localhost"
    registry, repository = (first, rest) if has_path and is_registry else (DOCKER_HUB, name)
    if registry.lower() not in _DOCKER_HUB_ALIASES:
        return registry, repository
    return DOCKER_HUB, repository if "/" in repository else f"library/{repository}"
