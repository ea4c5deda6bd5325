"""Repository URLs, branches, commits, directories, domains and names are refused or unambiguous."""

import re
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import PurePosixPath
from posixpath import join, normpath
from subprocess import run
from urllib.parse import urlsplit

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tests.fuzzing import strategies
from tests.fuzzing.effort import Refusal, bounded, outcome
from tests.fuzzing.mutations import mutated

from pushpaka_core.domain.projects.env_vars import NewEnvVar
from pushpaka_core.domain.projects.projects import NewProject, slug_from
from pushpaka_core.domain.projects.repository_urls import (
    check_branch,
    check_commit_sha,
    check_root_dir,
)
from pushpaka_core.domain.projects.sources import RepoUrl, SourcePolicy, parse_repo_url
from pushpaka_core.domain.routing.custom_domains import check_domain, normalize_domain
from pushpaka_core.domain.validation import validation_errors

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
RESERVED_ENV = re.compile(
    r"(LD_|DYLD_|GIT_|SSH_|DOCKER_|BUILDKIT_|PUSHPAKA_).*|(BASH_)?ENV|PATH|HOME|IFS|PS4|PORT",
    re.IGNORECASE,
)
"""Names of environment variables that change the behavior of loaders, shells, git and Docker."""


def is_accepted(check: Callable[[str], object], text: str) -> bool:
    """Return True if *check* accepts *text*. A refusal repeats at most 100 characters of it."""
    result = outcome(lambda: check(text), ValueError)
    if isinstance(result, Refusal):
        assert result.reason.startswith(("must ", "can ", "is "))
        assert len(text) <= 100 or text[:101] not in result.reason
    return not isinstance(result, Refusal)


@bounded
@given(strategies.INNER_HOSTS, strategies.URL_TEMPLATES)
@example("0x7f.1", "https://{}/x")
@example("[::ffff:7f00:1]", "git@{}:x")
@example("[64:ff9b::a9fe:a9fe]", "ssh://git@{}/x")
def test_internal_hosts_are_refused_in_any_spelling(host: str, template: str) -> None:
    with pytest.raises(ValueError, match=r"\A(must|can|is) "):
        parse_repo_url(template.format(host), STRICT)


@bounded
@given(strategies.TRANSPORTS)
@example("ext::sh -c touch% x")
@example("http://github.com/x")
def test_transports_other_than_https_and_ssh_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\A(must|can|is) "):
        parse_repo_url(text, STRICT)


def fill_template(host: str, template: str) -> str:
    return template.format(host)


@bounded
@given(
    mutated(ADDRESSES) | st.builds(fill_template, strategies.TANGLES, strategies.URL_TEMPLATES),
    st.sampled_from([STRICT, LOCAL]),
)
@example("https://a@127.0.0.1:80\\@github.com/x", STRICT)
def test_every_parser_finds_the_same_host_in_an_accepted_url(
    text: str, policy: SourcePolicy
) -> None:
    if is_accepted(lambda address: parse_repo_url(address, policy), text):
        url = parse_repo_url(text, policy)
        assert parse_repo_url(url.text, policy) == url
        assert re.fullmatch(r"[!-~]+", url.text)
        assert not url.text.startswith("-")
        assert _has_unambiguous_host(url)


def _has_unambiguous_host(url: RepoUrl) -> bool:
    if url.scheme == "file":
        return PurePosixPath(normpath(url.text)).is_relative_to(ROOT)
    read = urlsplit(url.text if "://" in url.text else f"{url.origin}/")
    is_same = (url.host, url.port, None) == (read.hostname, read.port, read.password)
    return is_same or ip_address(url.host) == ip_address(read.hostname or "")


@bounded
@given(mutated(BRANCHES) | strategies.BRANCHES)
@example("@{-1}")
@example("a/.lock")
def test_a_branch_is_accepted_if_git_accepts_it(branch: str) -> None:
    """Unusual characters, and names that git takes for options or revisions, are refused too."""
    if is_accepted(check_branch, branch):
        assert _git_accepts_branch(branch)
        assert not branch.startswith(("-", "refs/"))
        assert branch.isprintable()
        assert not set(branch) & set("\"'`;|&$\\<>(){}")
        return
    is_plain = re.fullmatch(r"[A-Za-z0-9._/#@+=,%!-]{1,255}", branch)
    may_be = is_plain and branch not in {"HEAD", "@"} and not branch.startswith("refs/")
    assert not may_be or not _git_accepts_branch(branch)


def _git_accepts_branch(name: str) -> bool:
    if "\0" in name:
        return False
    command: list[str | bytes] = [
        "git",
        "check-ref-format",
        "--branch",
        name.encode(errors="surrogatepass"),
    ]
    return run(command, check=False, capture_output=True).returncode == 0


@bounded
@given(mutated(COMMITS))
def test_a_commit_consists_of_hex_digits(text: str) -> None:
    if is_accepted(check_commit_sha, text):
        assert re.fullmatch("[0-9a-f]{7,64}", text, re.ASCII)


@bounded
@given(mutated(DIRECTORIES) | strategies.ROOT_DIRS)
def test_a_root_directory_is_inside_the_repository(text: str) -> None:
    """A root directory in `.git` is refused, too, in upper or lower case."""
    if is_accepted(check_root_dir, text):
        place = PurePosixPath(normpath(join("/repository", text)))
        assert place.is_relative_to("/repository")
        assert ".git" not in [part.casefold() for part in place.parts]


@bounded
@given(mutated(DOMAINS))
def test_an_accepted_domain_is_a_public_host_name(text: str) -> None:
    if is_accepted(check_domain, text):
        name = normalize_domain(text)
        assert is_accepted(check_domain, name)
        assert name == normalize_domain(name) == urlsplit(f"https://{name}/").hostname
        assert re.fullmatch(r"(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{1,63}", name)
        assert not name.rpartition(".")[2].isdigit()


@bounded
@given(strategies.ENV_KEYS)
@example("_")
def test_only_reserved_env_var_names_are_refused(key: str) -> None:
    is_name = key.isidentifier() and key.isascii() and len(key) <= 128
    problem = validation_errors(NewEnvVar, {"key": key}).get("key")

    assert problem is None or not is_name or "sets or protects" in problem
    assert problem is not None or (is_name and not RESERVED_ENV.fullmatch(key))


@bounded
@given(strategies.NAMES)
def test_the_slug_of_any_project_name_is_a_dns_label(name: str) -> None:
    """Only names with characters that cannot be printed are refused. All others have a slug."""
    assume(name.strip())
    problems = validation_errors(NewProject, {"name": name})

    assert not problems or not name.isprintable()
    assert problems or not set(name) & set("\n\r\0\x1b\u2028\u202e")
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug_from(name, set()))
