"""Addresses, branches, commits, directories and domains: refused in words, or what they seem."""

import re
import subprocess
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import PurePosixPath
from posixpath import join, normpath
from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st
from tests.fuzzing.effort import Refusal, bounded, outcome
from tests.fuzzing.mutations import nearly

from pushpaka_core.domain.custom_domains import check_domain, normal_domain
from pushpaka_core.domain.repository_names import check_branch, check_commit_sha, check_root_dir
from pushpaka_core.domain.sources import RepoUrl, SourcePolicy, parse_repo_url

ROOT = PurePosixPath("/srv/repos")
STRICT, LOCAL = SourcePolicy(), SourcePolicy(allow_http=True, local_repo_root=ROOT)

ADDRESSES = (
    "https://git.example.com/ann/app.git", "https://git.example.com:8443/ann/app",
    "ssh://git@git.example.com:2222/ann/app.git", "git@git.example.com:ann/app.git",
    "git@[2606:4700::1111]:ann/app", "https://[2606:4700::1111]/a", "https://1.1.1.1/a",
    "http://git.example.com/a", "file:///srv/repos/app", "/srv/repos/ann/app.git",
    "https://xn--bcher-kva.example/a", "https://git.example.com./a%20b",
    "ext::sh -c id", "fd::17", "https://127.0.0.1/a", "https://0x7f.1/a", "https://[::1]/a",
    "https://ann:token@git.example.com/a", "-oProxyCommand=id:a", "ssh://-oProxyCommand=id/a",
    "http://a@127.0.0.1:80\\@git.example.com/a", "https:///etc/passwd", "--upload-pack=id",
)  # fmt: skip
BRANCHES = (
    "main", "feature/login-v2", "v1.2.3", "dependabot/npm_and_yarn/a-1.2", "fix/#12", "größe",
    "HEAD", "@", "@{-1}", "a..b", "x.lock", "refs/heads/main", "-q", "--orphan=x",
)  # fmt: skip
COMMITS = ("abcdef0", "0" * 40, "f" * 64, "HEAD~1", "--orphan=z", "ABCDEF0")
DIRECTORIES = (
    ".", "apps/web", "./apps/web/", "my app", "a/..b", "größe", "@org/x", "..", "/etc", "a/../../b",
    ".git", "a/.GIT/hooks", "-x", "~root",
)  # fmt: skip
DOMAINS = (
    "app.example.com", "www.example.co.uk", "xn--bcher-kva.example", "a-b.c3.io", "APP.Example.Com",
    "localhost", "1.2.3.4", "[::1]", "*.example.com", "a_b.com", "-a.com", "a..b", "a.com:443",
    "a.com#@b.com", "evil.com/../", "xn--a", "a.internal", f"{'a' * 63}.com", "a." * 125 + "com",
)  # fmt: skip


def is_accepted(check: Callable[[str], object], text: str) -> bool:
    """Tell whether *check* has nothing against *text*; a sentence says what it has."""
    result = outcome(lambda: check(text), ValueError, within=0.1)
    if isinstance(result, Refusal):
        assert result.reason.startswith("must")
        assert len(text) <= 100 or text[:101] not in result.reason
    return not isinstance(result, Refusal)


@bounded
@given(nearly(ADDRESSES), st.sampled_from([STRICT, LOCAL]))
def test_an_address_is_one_place_for_everybody_who_reads_it(
    text: str, policy: SourcePolicy
) -> None:
    """What is accepted is read again as itself, and by others as the same host and port."""
    if is_accepted(lambda address: parse_repo_url(address, policy), text):
        url = parse_repo_url(text, policy)
        assert parse_repo_url(url.text, policy) == url
        assert re.fullmatch(r"[!-~]+", url.text)
        assert not url.text.startswith("-")
        assert is_where_it_seems(url)


def is_where_it_seems(url: RepoUrl) -> bool:
    """Tell whether another parser finds the same place."""
    if url.scheme == "file":
        return PurePosixPath(normpath(url.text)).is_relative_to(ROOT)
    read = urlsplit(url.text if "://" in url.text else f"{url.origin}/")
    is_same = (url.host, url.port, None) == (read.hostname, read.port, read.password)
    return is_same or ip_address(url.host) == ip_address(read.hostname or "")


@bounded
@given(nearly(BRANCHES))
def test_a_branch_is_one_for_git_too(text: str) -> None:
    """What is accepted git takes for a branch, and nothing takes for an option."""
    if is_accepted(check_branch, text):
        subprocess.run(["git", "check-ref-format", f"refs/heads/{text}"], check=True)
        assert not text.startswith(("-", "refs/"))


@bounded
@given(nearly(COMMITS))
def test_a_commit_is_hex_digits(text: str) -> None:
    """Nothing else is accepted."""
    if is_accepted(check_commit_sha, text):
        assert re.fullmatch("[0-9a-f]{7,64}", text, re.ASCII)


@bounded
@given(nearly(DIRECTORIES))
def test_a_directory_is_in_the_repository(text: str) -> None:
    """What is accepted leads neither out of the repository nor into git's own directory."""
    if is_accepted(check_root_dir, text):
        place = PurePosixPath(normpath(join("/repository", text)))
        assert place.is_relative_to("/repository")
        assert ".git" not in [part.casefold() for part in place.parts]


@bounded
@given(nearly(DOMAINS))
def test_a_domain_is_one_name(text: str) -> None:
    """What is accepted is the name of a public host in its one form, for everybody."""
    if is_accepted(check_domain, text):
        name = normal_domain(text)
        assert is_accepted(check_domain, name)
        assert name == normal_domain(name) == urlsplit(f"https://{name}/").hostname
        assert re.fullmatch(r"(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{1,63}", name)
        assert not name.rpartition(".")[2].isdigit()
