"""Whole classes of hostile input, each judged by somebody else's rules than our own."""

import re
from ipaddress import ip_address
from posixpath import join, normpath
from shutil import which
from subprocess import run
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from tests.security import strategies

from pushpaka_core.domain.env_vars import NewEnvVar
from pushpaka_core.domain.networks import is_public
from pushpaka_core.domain.projects import NewProject, slug_from
from pushpaka_core.domain.repository_names import check_branch, check_root_dir
from pushpaka_core.domain.rules import problems_in
from pushpaka_core.domain.sources import SourcePolicy, parse_repo_url

_POLICY = SourcePolicy()
_GIT = which("git") or "git"
_FEW = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
_STEERING = re.compile(
    r"(LD_|DYLD_|GIT_|SSH_|DOCKER_|BUILDKIT_|PUSHPAKA_).*|(BASH_)?ENV|PATH|HOME|IFS|PS4|PORT",
    re.IGNORECASE,
)
"""What loaders, shells, git and Docker are steered by."""


@_FEW
@given(strategies.INNER_HOSTS, strategies.URL_TEMPLATES)
@example("0x7f.1", "https://{}/x")
@example("[::ffff:7f00:1]", "git@{}:x")
@example("[64:ff9b::a9fe:a9fe]", "ssh://git@{}/x")
def test_no_spelling_of_an_inner_host_is_taken(host: str, template: str) -> None:
    """Decimal, octal, hexadecimal, shortened, wrapped in IPv6, or by a name of this machine."""
    with pytest.raises(ValueError, match=r"\Amust "):
        parse_repo_url(template.format(host), _POLICY)


@_FEW
@given(strategies.PUBLIC_HOSTS, strategies.URL_TEMPLATES)
def test_every_host_of_the_internet_is_taken(host: str, template: str) -> None:
    """In whatever form forges write their addresses; what is handed on names the same host."""
    url = parse_repo_url(template.format(host), _POLICY)

    assert host == url.host
    assert "://" not in url.text or host == urlsplit(url.text).hostname


@_FEW
@given(strategies.INNER_ADDRESSES)
def test_an_inner_address_is_none_of_the_internets(address: object) -> None:
    """What the standard library does not call global is not called public here."""
    assert not is_public(ip_address(str(address)))


@_FEW
@given(strategies.TRANSPORTS)
@example("ext::sh -c touch% x")
@example("http://github.com/x")
def test_no_other_transport_is_taken(text: str) -> None:
    """Only https and ssh lead to a repository, unless the operator allows more."""
    with pytest.raises(ValueError, match=r"\Amust "):
        parse_repo_url(text, _POLICY)


@_FEW
@given(strategies.CREDENTIALS, strategies.PUBLIC_HOSTS)
def test_no_credentials_are_taken_in_an_address(credentials: str, host: str) -> None:
    """Git would keep them beside the files."""
    with pytest.raises(ValueError, match="git_token"):
        parse_repo_url(f"https://{credentials}@{host}/x", _POLICY)


@_FEW
@given(strategies.TANGLES, strategies.URL_TEMPLATES)
@example("a@127.0.0.1:80\\@github.com", "https://{}/x")
def test_an_address_that_is_taken_has_one_meaning(tangle: str, template: str) -> None:
    """What is handed to git is plain, and any other parser finds the same host and path in it."""
    try:
        url = parse_repo_url(template.format(tangle), _POLICY)
    except ValueError:
        return

    other = urlsplit(url.text if "://" in url.text else f"ssh://{url.text.replace(':', '/', 1)}")
    assert url.text.isascii()
    assert url.text.isprintable()
    assert not url.text.startswith("-")
    assert (url.host, url.path.lstrip("/")) == (other.hostname, other.path.lstrip("/"))


@_FEW
@given(strategies.BRANCHES)
@example("@{-1}")
@example("a/.lock")
def test_a_branch_is_one_to_git_too(branch: str) -> None:
    """What is taken, git takes for the name of a branch; what git takes of plain characters is."""
    try:
        check_branch(branch)
    except ValueError:
        is_plain = re.fullmatch(r"[A-Za-z0-9._/#@+=,%!-]{1,255}", branch)
        may_be = is_plain and branch not in {"HEAD", "@"} and not branch.startswith("refs/")
        assert not may_be or not _is_branch(branch)
    else:
        assert _is_branch(branch)


@_FEW
@given(strategies.ROOT_DIRS)
def test_a_root_directory_lies_inside(root: str) -> None:
    """However the way to it is written, it ends in the repository, and not in git's own files."""
    try:
        check_root_dir(root)
    except ValueError:
        return

    end = normpath(join("/repository", root))
    assert f"{end}/".startswith("/repository/")
    assert ".git" not in end.split("/")


@_FEW
@given(strategies.ENV_KEYS)
@example("_")
def test_an_env_var_has_a_name_that_only_an_application_heeds(key: str) -> None:
    """It is a name to every shell and steers none; every other such name is taken."""
    is_name = key.isidentifier() and key.isascii() and len(key) <= 128
    told = problems_in(NewEnvVar, {"key": key}).get("key")

    assert told is None or not is_name or "sets or protects" in told
    assert told is not None or (is_name and not _STEERING.fullmatch(key))


@_FEW
@given(strategies.NAMES)
def test_a_name_is_shown_or_refused_and_never_obeyed(name: str) -> None:
    """Of whatever is taken as a name, nothing but letters and digits gets into an address."""
    assume(name.strip())
    told = problems_in(NewProject, {"name": name})

    assert not told or not name.isprintable()
    assert told or not set(name) & set("\n\r\0\x1b\u2028\u202e")
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug_from(name, set()))


def _is_branch(name: str) -> bool:
    if "\0" in name:
        return False
    judged = run([_GIT, "check-ref-format", "--branch", name], check=False, capture_output=True)
    return judged.returncode == 0
