"""Tests valid and invalid repository URLs, branches, commits and root directories."""

import string
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushpaka_core.domain.projects.repository_urls import (
    are_same_repository,
    check_branch,
    check_commit_sha,
    check_root_dir,
    may_be_repository,
    repository_server,
)
from pushpaka_core.domain.projects.sources import RepoUrl, SourcePolicy, parse_repo_url

STRICT = SourcePolicy()
LOCAL = SourcePolicy(
    allow_http=True,
    local_repo_root=PurePosixPath("/srv/repos"),
    allow_nets=(ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8")),
)

names = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12)
hosts = st.lists(names, min_size=1, max_size=3).map(lambda labels: ".".join([*labels, "org"]))


def error_message(validate: Callable[[], object]) -> str:
    with pytest.raises(ValueError, match=r"\A(must|can) ") as caught:
        validate()
    return str(caught.value)


@pytest.mark.parametrize("text", ["archive:", "ARCHIVE:"])
def test_archive_address_is_parsed(text: str) -> None:
    for policy in (STRICT, LOCAL):
        assert "archive:" == parse_repo_url(text, policy).text
    assert "" == repository_server(text)


@pytest.mark.parametrize("text", ["archive", "archive:x", "archive:/x", "archive://x", " archive:"])
def test_malformed_archive_address_is_rejected(text: str) -> None:
    error_message(lambda: parse_repo_url(text, LOCAL))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://github.com/user/repo", "https://github.com/user/repo"),
        ("HTTPS://GitHub.COM./User/Repo.git", "https://github.com/User/Repo.git"),
        ("https://git.example.org:8443/a/b", "https://git.example.org:8443/a/b"),
        ("https://dev.azure.com/org/a%20b/_git/c", "https://dev.azure.com/org/a%20b/_git/c"),
        ("https://git.sr.ht/~user/repo", "https://git.sr.ht/~user/repo"),
        ("https://[2606:50c0:8000:0::64]/x", "https://[2606:50c0:8000::64]/x"),
        ("ssh://git@github.com/user/repo.git", "ssh://git@github.com/user/repo.git"),
        ("ssh://git@gitea.example.org:2222/a/b", "ssh://git@gitea.example.org:2222/a/b"),
        ("ssh://example.org/srv/repo.git", "ssh://example.org/srv/repo.git"),
        ("git@github.com:user/repo.git", "git@github.com:user/repo.git"),
    ],
)
def test_git_provider_url_is_accepted(text: str, expected: str) -> None:
    assert expected == parse_repo_url(text, STRICT).text


@pytest.mark.parametrize(
    "text",
    [
        *["", "--upload-pack=touch x", "--upload-pack=touch", "-u./x"],
        *["-oProxyCommand=touch x:repo", "-oProxyCommand=x:repo", "git@-oProxyCommand=x:repo"],
        *["git@host:-oProxyCommand=x", "ssh://-oProxyCommand=x/y", "ssh://-l@host/y"],
        *["ext::sh -c touch% x", "ext::sh", "a@ext::sh", "fd::17", "transport::x", "git://h/x"],
        *["ftp://h/x", "git+ssh://h/x", "javascript:1", "file:///etc"],
        *["/var/lib/pushpaka/projects/other", "../../x", "C:\\x", "C:/x"],
        *["http://github.com/user/repo", "http://127.0.0.1/", "https://127.0.0.1/x"],
        *["https://localhost./x", "https://a.localhost/x", "https://[::1]/x"],
        *["https://[::ffff:127.0.0.1]/x", "https://[fe80::1%25eth0]/x", "https://0/x"],
        *["https://127.1/x", "https://2130706433/x", "https://0x7f000001/x"],
        *["https://0177.0.0.1/x", "https://10.0.0.1/x", "https://169.254.169.254/x"],
        *["https://100.100.100.200/x", "https://192.0.0.192/x", "https://[fd00:ec2::254]/x"],
        *["https://metadata.google.internal/x", "git@127.0.0.1:x", "git@[::1]:x"],
        *["http://a@127.0.0.1:80\\@github.com/x", "https://git\thub.com/x"],
        *["https://github.com/x\n", "https:///etc/passwd", " https://github.com/x"],
        *["https://github.com/x y", "https://user:tok@host/r", "https://tok@host/r"],
        *["https://@host/r", "ssh://git:tok@host/r", "https://host:6379/x", "https://host:0/x"],
        *["https://host:70000/x", "https://host:/x", "https://host:+443/x", "https://github.com"],
        *["https://github.com/a/../b", "https://github.com//a", "https://github.com/a?b"],
        *["https://github.com/a#b", "https://github.com/%zz", "https://gith\u00fcb.com/x"],
        *["https://\u212aernel.org/x"],
        *["https://github..com/x", "https://-github.com/x", f"https://github.com/{'x' * 2000}"],
    ],
)
def test_unsafe_url_is_rejected(text: str) -> None:
    message = error_message(lambda: parse_repo_url(text, STRICT))

    assert len(text) < 20 or text not in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://127.0.0.1:40123/x.git", "http://127.0.0.1:40123/x.git"),
        ("http://localhost:40123/x.git", "http://localhost:40123/x.git"),
        ("http://[::FFFF:a01:101]:1/x", "http://[::ffff:10.1.1.1]:1/x"),
        ("http://example.org/x", "http://example.org/x"),
        ("/srv/repos/a", "/srv/repos/a"),
        ("file:///srv/repos/a.git", "/srv/repos/a.git"),
    ],
)
def test_operator_can_allow_more_urls(text: str, expected: str) -> None:
    assert expected == parse_repo_url(text, LOCAL).text


@pytest.mark.parametrize(
    "text",
    [
        *["/srv/repos2/a", "/srv/repos/../x", "/srv/repos//x", "/etc", "file://host/srv/repos/a"],
        *["file:///srv/repos/%2e%2e/x", "srv/repos/a", "http://192.168.0.1/x", "http://[::1]/x"],
    ],
)
def test_url_that_the_operator_does_not_allow_is_rejected(text: str) -> None:
    error_message(lambda: parse_repo_url(text, LOCAL))


def test_error_about_credentials_names_git_token() -> None:
    assert "Set git_token" in error_message(lambda: parse_repo_url("https://u:t@host/r", STRICT))


@given(
    host=hosts, parts=st.lists(names, min_size=1, max_size=3), port=st.sampled_from([None, 8443])
)
def test_parsed_url_is_formatted_unchanged(host: str, parts: list[str], port: int | None) -> None:
    url = RepoUrl(scheme="https", host=host, port=port, path="/" + "/".join(parts))

    assert url == parse_repo_url(url.text, STRICT)


@given(st.ip_addresses())
def test_literal_address_follows_the_rules_for_resolved_ones(
    address: IPv4Address | IPv6Address,
) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    try:
        parse_repo_url(f"https://{host}/x", STRICT)
    except ValueError:
        assert not STRICT.permits(address)
    else:
        assert STRICT.permits(address)


@given(st.integers(0, 99999))
def test_only_allowed_ports_are_contacted(port: int) -> None:
    try:
        url = parse_repo_url(f"https://example.org:{port}/x", STRICT)
    except ValueError:
        assert port not in STRICT.allow_ports
    else:
        assert port == url.effective_port
        assert port in STRICT.allow_ports


@pytest.mark.parametrize(
    "branch",
    [
        *["main", "feature/login-v2", "v1.2.3", "dependabot/npm_and_yarn/a-1.2", "fix/#12"],
        *["renovate/@types/node-20.x", "a+b=c", "100%", "entwicklung/größe", "x" * 255],
    ],
)
def test_common_branch_name_is_accepted(branch: str) -> None:
    check_branch(branch)


@pytest.mark.parametrize(
    "branch",
    [
        *["", "-q", "--orphan=x", "main;id", "$(id)", "`id`", "a b", "a..b", "@{-1}", "@"],
        *["x.lock", "a.lock/b", "/x", "x/", "a//b", ".a", "a/.b", "a.", "HEAD", "refs/heads/main"],
        *["x" * 256, "a\nb", "main\n", "a\0b", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b"],
        *["a|b", "a&b", "a>b", "a'b", "a\u202eb"],
    ],
)
def test_unsafe_branch_name_is_rejected(branch: str) -> None:
    error_message(lambda: check_branch(branch))


@pytest.mark.parametrize("sha", ["abcdef0", "0" * 40, "f" * 64])
def test_short_and_full_commit_sha_is_accepted(sha: str) -> None:
    check_commit_sha(sha)


@pytest.mark.parametrize(
    "sha",
    ["", "abc", "ABCDEF0", "--orphan=z", "HEAD~1", "HEAD'; id #", "abcdef0\n", "g" * 7, "0" * 65],
)
def test_other_revision_is_rejected(sha: str) -> None:
    error_message(lambda: check_commit_sha(sha))


@pytest.mark.parametrize(
    "root", [".", "app", "apps/web", "./apps/web/", "my app", "a/..b", "größe", "@org/x"]
)
def test_directory_in_the_repository_is_accepted(root: str) -> None:
    check_root_dir(root)


@pytest.mark.parametrize(
    "root",
    [
        *["", "/", "/etc", "..", "../..", "a/../../b", "a/..", "a\0b", "a\nb", "%2e%2e/"],
        *["a\\..\\b", "a//b", "~root", ".git", "a/.GIT/hooks", "-x", "a/ .. /b", "x" * 256],
    ],
)
def test_directory_outside_the_repository_is_rejected(root: str) -> None:
    error_message(lambda: check_root_dir(root))


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("https://git.example.com/a/b.git", "https://git.example.com:443"),
        ("HTTPS://Git.Example.COM.:443/a", "https://git.example.com:443"),
        ("https://git.example.com:8443/a", "https://git.example.com:8443"),
        ("http://10.0.0.4:3000/a", "http://10.0.0.4:3000"),
        ("http://[::1]/a", "http://[::1]:80"),
        ("ssh://git@git.example.com/a", "ssh://git.example.com:22"),
        ("git@git.example.com:a/b.git", "ssh://git.example.com:22"),
        ("/srv/repositories/a", ""),
        ("https://git.example.com", ""),
        ("ext::sh -c id", ""),
    ],
)
def test_server_of_a_repository_url_is_found(text: str, server: str) -> None:
    assert server == repository_server(text)


@pytest.mark.parametrize(
    ("first_url", "second_url", "are_same"),
    [
        ("https://github.com/acme/shop", "git@github.com:acme/shop.git", True),
        ("https://github.com/acme/shop", "https://me:secret@GitHub.com/Acme/shop/", True),
        ("https://github.com/acme/shop", "https://me:p@ss@github.com/acme/shop", True),
        ("ssh://git@git.example.org:2222/acme/shop", "https://git.example.org/acme/shop", True),
        ("https://github.com/acme/shop", "ssh://git@ssh.github.com:443/acme/shop.git", True),
        ("https://git.example.org:443/acme/shop", "https://git.example.org/acme/shop", True),
        ("https://git.example.org:8443/acme/shop", "https://git.example.org/acme/shop", False),
        ("https://github.com/acme/my%2Dshop", "https://github.com/acme/my-shop.git/", True),
        ("/srv/git/shop", "/srv/git/shop", True),
        ("../shop", "../shop", True),
        ("/srv/git/shop", "/srv/git/other", False),
        ("https://github.com/acme/shop", "https://github.com/acme/other", False),
        ("https://github.com/acme/shop", "https://gitlab.com/acme/shop", False),
        ("../shop", "../other", False),
    ],
)
def test_addresses_of_the_same_repository_are_equal(
    first_url: str, second_url: str, are_same: bool
) -> None:
    assert are_same is are_same_repository(first_url, second_url)


_SHOP = ("https://git.example.org/acme/shop.git", "git@git.example.org:acme/shop.git")


@pytest.mark.parametrize(
    ("repo_url", "full_name", "addresses", "is_match"),
    [
        ("https://git.example.org/acme/shop", "acme/shop", _SHOP, True),
        ("https://git.example.org/Acme/Shop.git/", "acme/shop", _SHOP, True),
        ("ssh://git@git.example.org:2222/acme/shop.git", "acme/shop", _SHOP, True),
        ("git@ssh.github.com:acme/shop", "acme/shop", ["https://github.com/acme/shop"], True),
        ("https://a.org/git/acme/shop", "acme/shop", ["https://a.org/git/acme/shop"], True),
        ("https://git.example.org/acme/shop", "acme/shop", [], True),
        ("https://git.example.org/acme/shop", "", [], True),
        ("https://git.example.org/acme/shop", "", ["ext::sh -c id"], True),
        ("https://git.example.org/acme/shop", "acme/other", [], False),
        ("https://git.example.org/acme/shop", "bob/shop", _SHOP, False),
        ("https://git.example.org/not-acme/shop", "acme/shop", [], False),
        ("https://github.com/acme/shop", "acme/shop", _SHOP, False),
        ("https://git.example.org:8443/acme/shop", "acme/shop", _SHOP, False),
        ("https://git.example.org.evil.com/acme/shop", "acme/shop", _SHOP, False),
        ("/srv/git/shop.git", "acme/shop", _SHOP, True),
        ("/srv/git/shop", "", ["/srv/git/shop"], True),
        ("/srv/git/shop", "", [], True),
        ("/srv/git/shop", "acme/other", [], False),
        ("ext::sh -c id", "acme/shop", _SHOP, False),
    ],
)
def test_repository_is_matched_by_name_and_addresses(
    repo_url: str, full_name: str, addresses: Sequence[str], *, is_match: bool
) -> None:
    assert is_match is may_be_repository(repo_url, full_name, addresses)
