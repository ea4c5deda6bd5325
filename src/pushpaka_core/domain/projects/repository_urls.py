"""Compares repository URLs, and validates names of branches, commits and directories."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network
from pathlib import PurePosixPath
from urllib.parse import unquote

from pushpaka_core.domain.projects.sources import RepoUrl, SourcePolicy, parse_repo_url
from pushpaka_core.domain.validation import Matches, limited_to

_BRANCH = re.compile(r"[\w./#@+=,%!-]+")
_ROOT_DIR = re.compile(r"[\w .@+,=~#()\[\]/-]+")

_CREDENTIALS = re.compile(r"(?<=^https:)//[^/?#]*@|(?<=^http:)//[^/?#]*@")
_UNRESTRICTED = SourcePolicy(
    allow_http=True,
    local_repo_root=PurePosixPath("/"),
    allow_nets=(IPv4Network("0.0.0.0/0"), IPv6Network("::/0")),
    allow_ports=range(1, 65536),
)
_WEB = frozenset({"http", "https"})
_SSH_HOST_ALIASES = {
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
}
"""Hosts on which Git providers accept SSH on port 443, and the hosts of their web pages."""

check_commit_sha = Matches(
    r"[0-9a-f]{7,64}", "must be a commit hash of 7 to 64 lowercase hex digits"
)
"""Requires a commit hash or a prefix of at least 7 digits."""


@limited_to(255)
def check_branch(value: str) -> None:
    """Raise ValueError unless *value* is a branch name that is valid in Git and safe in a shell."""
    if not _BRANCH.fullmatch(value):
        raise ValueError(
            'must be a branch name, with only letters, digits and the characters "-_./#@+=,%!"'
        )
    if value in {"HEAD", "@"} or value.startswith(("-", "refs/")):
        raise ValueError("must be a branch name such as main or feature/login")
    if ".." in value or value.endswith("."):
        raise ValueError('must not contain ".." or end with "."')
    if any(_is_bad_component(component) for component in value.split("/")):
        raise ValueError(
            'must not have a part that is empty, starts with ".", or ends with ".lock"'
        )


@limited_to(255)
def check_root_dir(value: str) -> None:
    """
    Raise ValueError unless *value* is a directory within the repository.

    "." is the repository root.
    """
    if not _ROOT_DIR.fullmatch(value):
        raise ValueError(
            "must be the path of a directory in the repository, and can contain only letters, "
            'digits, spaces and the characters "-_./@+,=~#()[]"'
        )
    if value.startswith(("/", "~")):
        raise ValueError("must be relative to the repository, such as apps/web")
    parts = value.removesuffix("/").split("/")
    if any(part.strip() in {"", ".."} or part.lower() == ".git" for part in parts):
        raise ValueError('must not contain empty names, ".." or ".git"')
    if any(part.startswith("-") for part in parts):
        raise ValueError('must not contain names that start with "-"')


def _is_bad_component(component: str) -> bool:
    return not component or component.startswith(".") or component.endswith(".lock")


def repository_server(text: str) -> str:
    """Return scheme, host and port of a repository URL, or "" if it has none."""
    try:
        url = parse_repo_url(text, _UNRESTRICTED)
    except ValueError:
        return ""
    return url.server if url.host else ""


def without_credentials(text: str) -> str:
    """Return a URL without the user name and password of an HTTP URL, for display."""
    return _CREDENTIALS.sub("//", text)


def are_same_repository(first_url: str, second_url: str) -> bool:
    """
    Return True if two URLs refer to the same repository, regardless of protocol and account.

    Owner and name are compared without regard to case because no Git provider distinguishes case.
    Ports are compared only if both URLs have the same web protocol, because the port for SSH is a
    different one.
    """
    first, second = _parse(first_url), _parse(second_url)
    return first_url == second_url or (
        first is not None and second is not None and _are_same(first, second)
    )


def may_be_repository(repo_url: str, full_name: str, addresses: Iterable[str]) -> bool:
    """
    Return False if *full_name* or *addresses* belong to a repository other than *repo_url*.

    A local path has no URL at a Git provider, so only its last segment is compared. Missing or
    malformed names and URLs are ignored.

    Args:
        repo_url: The repository URL of a project.
        full_name: Owner and name, for example "ann/app". May be empty.
        addresses: All URLs that the Git provider gives for the repository, of any protocol.
    """
    own = _parse(repo_url)
    if own is None:
        return False
    urls = [url for address in addresses if (url := _parse(address)) is not None]
    path, name = _path(own.path), _path(full_name)
    if not own.host:
        names = {PurePosixPath(each).name for each in (name, *(_path(url.path) for url in urls))}
        return not any(names) or PurePosixPath(path).name in names
    if name and not f"/{path}".endswith(f"/{name}"):
        return False
    # If the Git provider lists a URL of the same web protocol, the port has to match that one.
    alike = [url for url in urls if url.scheme == own.scheme and url.scheme in _WEB]
    return not urls or any(_are_same(own, url) for url in alike or urls)


def _are_same(first_url: RepoUrl, second_url: RepoUrl) -> bool:
    ports_count = first_url.scheme == second_url.scheme and first_url.scheme in _WEB
    if ports_count and first_url.effective_port != second_url.effective_port:
        return False
    return _comparison_key(first_url) == _comparison_key(second_url)


def _parse(text: str) -> RepoUrl | None:
    try:
        return parse_repo_url(without_credentials(text), _UNRESTRICTED)
    except ValueError:
        return None


def _comparison_key(url: RepoUrl) -> tuple[str, str]:
    """Return the host and path in a normalized form, for comparison."""
    return _SSH_HOST_ALIASES.get(url.host, url.host), _path(url.path)


def _path(text: str) -> str:
    return unquote(text).strip("/").lower().removesuffix(".git")
