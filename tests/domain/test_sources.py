"""Repository URLs, branches, commits and root directories are judged by their form."""

import string
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import PurePosixPath

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from pushpaka_core.domain.repository_names import check_branch, check_commit_sha, check_root_dir
from pushpaka_core.domain.repository_places import are_same_repository, server_of
from pushpaka_core.domain.sources import RepoUrl, SourcePolicy, parse_repo_url

STRICT = SourcePolicy()
LOCAL = SourcePolicy(
    allow_http=True,
    local_repo_root=PurePosixPath("/srv/repos"),
    allow_nets=(ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8")),
)

names = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12)
hosts = st.lists(names, min_size=1, max_size=3).map(lambda labels: ".".join([*labels, "org"]))


def complaint(check: Callable[[], object]) -> str:
    with pytest.raises(ValueError, match=r"\Amust ") as caught:
        check()
    return str(caught.value)


@pytest.mark.parametrize("text", ["archive:", "ARCHIVE:"])
def test_no_repository_has_an_address_too(text: str) -> None:
    """Under every policy; there is no server that secrets could be told to."""
    for policy in (STRICT, LOCAL):
        assert "archive:" == parse_repo_url(text, policy).text
    assert "" == server_of(text)


@pytest.mark.parametrize("text", ["archive", "archive:x", "archive:/x", "archive://x", " archive:"])
def test_what_is_nearly_no_repository_is_refused(text: str) -> None:
    """It would be taken for the name of something."""
    complaint(lambda: parse_repo_url(text, LOCAL))


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
def test_address_of_a_forge_is_accepted(text: str, expected: str) -> None:
    """The addresses that forges print are taken, and rebuilt from their parts."""
    assert expected == parse_repo_url(text, STRICT).text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "--upload-pack=touch x",
        "--upload-pack=touch",
        "-u./x",
        "-oProxyCommand=touch x:repo",
        "-oProxyCommand=x:repo",
        "git@-oProxyCommand=x:repo",
        "git@host:-oProxyCommand=x",
        "ssh://-oProxyCommand=x/y",
        "ssh://-l@host/y",
        "ext::sh -c touch% x",
        "ext::sh",
        "a@ext::sh",
        "fd::17",
        "transport::x",
        "git://h/x",
        "ftp://h/x",
        "git+ssh://h/x",
        "javascript:1",
        "file:///etc",
        "/var/lib/pushpaka/projects/other",
        "../../x",
        "C:\\x",
        "C:/x",
        "http://github.com/user/repo",
        "http://127.0.0.1/",
        "https://127.0.0.1/x",
        "https://localhost./x",
        "https://a.localhost/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://[fe80::1%25eth0]/x",
        "https://0/x",
        "https://127.1/x",
        "https://2130706433/x",
        "https://0x7f000001/x",
        "https://0177.0.0.1/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/x",
        "https://100.100.100.200/x",
        "https://192.0.0.192/x",
        "https://[fd00:ec2::254]/x",
        "https://metadata.google.internal/x",
        "git@127.0.0.1:x",
        "git@[::1]:x",
        "http://a@127.0.0.1:80\\@github.com/x",
        "https://git\thub.com/x",
        "https://github.com/x\n",
        "https:///etc/passwd",
        " https://github.com/x",
        "https://github.com/x y",
        "https://user:tok@host/r",
        "https://tok@host/r",
        "https://@host/r",
        "ssh://git:tok@host/r",
        "https://host:6379/x",
        "https://host:0/x",
        "https://host:70000/x",
        "https://host:/x",
        "https://host:+443/x",
        "https://github.com",
        "https://github.com/a/../b",
        "https://github.com//a",
        "https://github.com/a?b",
        "https://github.com/a#b",
        "https://github.com/%zz",
        "https://gith\u00fcb.com/x",
        "https://github..com/x",
        "https://-github.com/x",
        f"https://github.com/{'x' * 2000}",
    ],
)
def test_address_that_leads_elsewhere_is_refused(text: str) -> None:
    """Options, other transports, inner addresses, credentials and tricks on parsers are refused."""
    message = complaint(lambda: parse_repo_url(text, STRICT))

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
def test_operator_can_allow_more(text: str, expected: str) -> None:
    """Plain http, inner networks and local paths are the operator's to allow."""
    assert expected == parse_repo_url(text, LOCAL).text


@pytest.mark.parametrize(
    "text",
    [
        "/srv/repos2/a",
        "/srv/repos/../x",
        "/srv/repos//x",
        "/etc",
        "file://host/srv/repos/a",
        "file:///srv/repos/%2e%2e/x",
        "srv/repos/a",
        "http://192.168.0.1/x",
        "http://[::1]/x",
    ],
)
def test_what_the_operator_did_not_allow_stays_refused(text: str) -> None:
    """An exception for one place is none for its neighbours."""
    complaint(lambda: parse_repo_url(text, LOCAL))


def test_credentials_in_a_url_are_pointed_to_git_token() -> None:
    """Whoever writes a token into the address learns where it belongs."""
    assert "use git_token" in complaint(lambda: parse_repo_url("https://u:t@host/r", STRICT))


@given(
    host=hosts, parts=st.lists(names, min_size=1, max_size=3), port=st.sampled_from([None, 8443])
)
def test_url_parses_to_itself(host: str, parts: list[str], port: int | None) -> None:
    """The text that is rebuilt means the same as the one that was given."""
    url = RepoUrl(scheme="https", host=host, port=port, path="/" + "/".join(parts))

    assert url == parse_repo_url(url.text, STRICT)


@given(
    st.text(max_size=60) | st.from_regex(r"(https?|ssh|file|ext)://?[ -~]{0,40}", fullmatch=True)
)
@example("https://\u212aernel.org/x")
def test_any_text_is_a_safe_address_or_a_complaint(text: str) -> None:
    """Nothing gets through that git could take for an option or another transport."""
    try:
        rebuilt = parse_repo_url(text, LOCAL).text
    except ValueError:
        event("refused")
    else:
        assert rebuilt.startswith(("https://", "http://", "ssh://", "/srv/repos")) or "@" in rebuilt
        assert rebuilt == parse_repo_url(rebuilt, LOCAL).text
        assert "::" not in rebuilt or "[" in rebuilt
        assert rebuilt.isprintable()
        assert " " not in rebuilt


@given(st.ip_addresses())
def test_literal_address_is_judged_like_a_looked_up_one(address: IPv4Address | IPv6Address) -> None:
    """An address in a URL is accepted where the policy permits it, and only there."""
    host = f"[{address}]" if address.version == 6 else str(address)
    try:
        parse_repo_url(f"https://{host}/x", STRICT)
    except ValueError:
        assert not STRICT.permits(address)
    else:
        assert STRICT.permits(address)


@given(st.integers(0, 99999))
def test_only_ports_of_forges_are_contacted(port: int) -> None:
    """A port behind which no forge listens is refused on public hosts."""
    try:
        url = parse_repo_url(f"https://example.org:{port}/x", STRICT)
    except ValueError:
        assert port not in STRICT.allow_ports
    else:
        assert port == url.contacted_port
        assert port in STRICT.allow_ports


@pytest.mark.parametrize(
    "branch",
    [
        "main",
        "feature/login-v2",
        "v1.2.3",
        "dependabot/npm_and_yarn/a-1.2",
        "fix/#12",
        "renovate/@types/node-20.x",
        "a+b=c",
        "100%",
        "entwicklung/größe",
        "x" * 255,
    ],
)
def test_branch_of_everyday_life_is_accepted(branch: str) -> None:
    """Names that people and their bots give to branches are taken."""
    check_branch(branch)


@pytest.mark.parametrize(
    "branch",
    [
        "",
        "-q",
        "--orphan=x",
        "main;id",
        "$(id)",
        "`id`",
        "a b",
        "a..b",
        "@{-1}",
        "@",
        "x.lock",
        "a.lock/b",
        "/x",
        "x/",
        "a//b",
        ".a",
        "a/.b",
        "a.",
        "HEAD",
        "refs/heads/main",
        "x" * 256,
        "a\nb",
        "main\n",
        "a\0b",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[b",
        "a\\b",
        "a|b",
        "a&b",
        "a>b",
        "a'b",
        "a\u202eb",
    ],
)
def test_branch_that_means_more_is_refused(branch: str) -> None:
    """Options, revisions, shell syntax and what git forbids are no branches."""
    complaint(lambda: check_branch(branch))


@given(st.text(max_size=30))
def test_accepted_branch_holds_nothing_special(branch: str) -> None:
    """An accepted name has no character that git, a shell or a terminal acts on."""
    try:
        check_branch(branch)
    except ValueError:
        event("refused")
    else:
        assert not set(branch) & set(" \t\n\r\0~^:?*[\\;|&$`'\"<>(){}")
        assert branch[0] not in "-./"
        assert branch.isprintable()


@pytest.mark.parametrize("sha", ["abcdef0", "0" * 40, "f" * 64])
def test_commit_is_accepted_short_and_full(sha: str) -> None:
    """Hashes of both of git's formats are taken, and their beginnings from 7 digits on."""
    check_commit_sha(sha)


@pytest.mark.parametrize(
    "sha",
    ["", "abc", "ABCDEF0", "--orphan=z", "HEAD~1", "HEAD'; id #", "abcdef0\n", "g" * 7, "0" * 65],
)
def test_other_revision_is_refused(sha: str) -> None:
    """A commit is named by its hash and by nothing else."""
    complaint(lambda: check_commit_sha(sha))


@pytest.mark.parametrize(
    "root", [".", "app", "apps/web", "./apps/web/", "my app", "a/..b", "größe", "@org/x"]
)
def test_directory_in_the_repository_is_accepted(root: str) -> None:
    """A relative directory is taken, with the characters that people use."""
    check_root_dir(root)


@pytest.mark.parametrize(
    "root",
    [
        "",
        "/",
        "/etc",
        "..",
        "../..",
        "a/../../b",
        "a/..",
        "a\0b",
        "a\nb",
        "%2e%2e/",
        "a\\..\\b",
        "a//b",
        "~root",
        ".git",
        "a/.GIT/hooks",
        "-x",
        "a/ .. /b",
        "x" * 256,
    ],
)
def test_directory_elsewhere_is_refused(root: str) -> None:
    """Absolute paths, ways up, encoded ways up and git's own directory are refused."""
    complaint(lambda: check_root_dir(root))


@given(
    st.lists(st.sampled_from(["a", ".", "..", "", " ", "b c", "~", "%2e"]), max_size=5).map(
        "/".join
    )
)
def test_accepted_directory_lies_in_the_repository(root: str) -> None:
    """No spelling of an accepted directory leads out of the repository."""
    try:
        check_root_dir(root)
    except ValueError:
        event("refused")
    else:
        assert ".." not in PurePosixPath(root).parts
        assert not PurePosixPath(root).is_absolute()


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
def test_an_address_leads_to_one_server(text: str, server: str) -> None:
    """However it is written, and whoever may go there; to none where it is no address."""
    assert server == server_of(text)


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("https://github.com/acme/shop", "git@github.com:acme/shop.git", True),
        ("https://github.com/acme/shop", "https://me:secret@GitHub.com/Acme/shop/", True),
        ("https://github.com/acme/shop", "https://me:p@ss@github.com/acme/shop", True),
        ("ssh://git@git.example.org:2222/acme/shop", "https://git.example.org/acme/shop", True),
        ("/srv/git/shop", "/srv/git/shop", True),
        ("../shop", "../shop", True),
        ("/srv/git/shop", "/srv/git/other", False),
        ("https://github.com/acme/shop", "https://github.com/acme/other", False),
        ("https://github.com/acme/shop", "https://gitlab.com/acme/shop", False),
        ("../shop", "../other", False),
    ],
)
def test_addresses_of_one_repository_are_known_as_such(
    one: str, other: str, are_same: bool
) -> None:
    """Whether one clones it by ssh, by https, or with a token in the address."""
    assert are_same is are_same_repository(one, other)
