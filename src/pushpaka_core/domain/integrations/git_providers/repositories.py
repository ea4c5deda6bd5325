"""The repository that a payload is about."""

from collections.abc import Iterable
from typing import Self

from attrs import frozen

from pushpaka_core.domain.integrations.git_providers.payloads import Payload
from pushpaka_core.domain.projects.repository_urls import may_be_repository

_SHOWN = 200


@frozen(kw_only=True)
class PayloadRepository:
    """The names and URLs of a repository in a payload. Any of them may be missing."""

    full_name: str = ""
    """Owner and name, for example "ann/app"."""
    addresses: tuple[str, ...] = ()
    """The clone URLs and web page URLs of the repository."""

    @classmethod
    def read(cls, repository_object: Payload, *, name: str, addresses: Iterable[str]) -> Self:
        """Return the repository in *repository_object*, whose values have the given keys."""
        return cls(
            full_name=repository_object.string(name) if repository_object.has(name) else "",
            addresses=tuple(
                repository_object.string(key) for key in addresses if repository_object.has(key)
            ),
        )

    def is_at(self, repo_url: str) -> bool:
        """Return True unless *repo_url* is known to be the URL of another repository."""
        return may_be_repository(repo_url, self.full_name, self.addresses)

    def __str__(self) -> str:
        """Return the URL or name of the repository, shortened for use in a message."""
        return next(iter(self.addresses), self.full_name)[:_SHOWN]


def read_repository(payload: Payload) -> PayloadRepository:
    """Return the repository in a payload of GitHub or Gitea."""
    if not payload.has("repository"):
        return PayloadRepository()
    addresses = ("clone_url", "ssh_url", "html_url")
    return PayloadRepository.read(
        payload.nested_object("repository"), name="full_name", addresses=addresses
    )
