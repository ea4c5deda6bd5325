"""Strategies for hostile input."""

import string
from ipaddress import IPv4Address, IPv6Address

from hypothesis import strategies as st

_WORDS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
_ODD = st.sampled_from([
    "\n", "\r", "\0", "\t", "\x1b", "\u2028", "\u202e", "\x7f", "'", '"', "`", "$(id)", "${X}",
    ";", "|", "&&", ">", "<", "\\", " ", "*", "?", "..", "-", "--", "%0a", "%00", "@", "#", "=",
    "é", "\uff0f", "\u2215", "\u212a", "🎉",
])  # fmt: skip
TANGLES = st.lists(_WORDS | _ODD | st.just("/"), min_size=1, max_size=6).map("".join)
"""Texts of words, special characters and slashes, which may confuse a parser."""

ENV_KEYS = st.one_of(
    TANGLES,
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,130}", fullmatch=True),
    st.builds(
        str.__add__,
        st.sampled_from(["LD_", "GIT_", "DYLD_", "ssh_", "Docker_", "PUSHPAKA_", "A", "_", ""]),
        st.text(string.ascii_uppercase + "_", max_size=8),
    ),
)


def _spellings(address: IPv4Address | IPv6Address) -> st.SearchStrategy[str]:
    """Return a strategy for the spellings of an address that resolvers and gateways accept."""
    number, parts = int(address), str(address).split(".")
    a, b, *_ = map(int, parts)
    wrapped = (
        0xFFFF_0000_0000 | number,  # mapped
        int(IPv6Address("64:ff9b::")) | number,  # by NAT64
        int(IPv6Address("2002::")) | number << 80,  # by 6to4
        number,  # compatible, as it once was
    )
    return st.sampled_from(
        [
            str(address),
            f"{address}.",
            str(number),
            hex(number),
            oct(number).replace("0o", "0"),
            ".".join(hex(int(part)) for part in parts),
            ".".join(f"0{int(part):o}" for part in parts),
            f"{a}.{number & 0xFFFFFF}",
            f"{a}.{b}.{number & 0xFFFF}",
            f"0{address}",
            *(f"[{IPv6Address(one)}]" for one in wrapped),
            *(f"[{IPv6Address(one).exploded}]" for one in wrapped[:2]),
        ]
    )


INNER_ADDRESSES = st.one_of(
    st.ip_addresses(v=4).filter(lambda address: not address.is_global),
    st.sampled_from([IPv4Address("127.0.0.1"), IPv4Address("169.254.169.254")]),
)
INNER_HOSTS = st.one_of(
    INNER_ADDRESSES.flatmap(_spellings),
    st.ip_addresses(v=6)
    .filter(lambda address: not address.is_global)
    .map(lambda address: f"[{address}]"),
    st.sampled_from(["localhost", "LOCALHOST.", "a.localhost", "ip6-localhost", "metadata"]),
    st.sampled_from(["metadata.google.internal", "instance-data.ec2.internal."]),
)
"""Hosts that can be recognized as internal without a DNS lookup."""

URL_TEMPLATES = st.sampled_from(
    ["https://{}/a/b.git", "https://{}:443/a", "HTTPS://{}/a", "ssh://git@{}/a", "git@{}:a/b.git"]
)

TRANSPORTS = st.builds(
    "{}{}{}".format,
    st.sampled_from([
        "ext", "fd", "file", "git", "ftp", "ftps", "http", "transport", "javascript", "dict",
        "rsync", "gopher", "ldap", "jar", "https+evil", "-", "--upload-pack=", "ssh-o", "a b",
    ]),
    st.sampled_from(["::", ":", "://", ":///", "=", " ", ":\\\\"]),
    TANGLES,
)  # fmt: skip
"""URLs that git could interpret as options or other transports."""

BRANCHES = st.one_of(
    TANGLES,
    st.lists(
        st.text(string.ascii_letters + string.digits + "._#@+=,%!-", min_size=1, max_size=12),
        min_size=1,
        max_size=3,
    ).map("/".join),
    st.sampled_from(["HEAD", "refs/heads/x", "@", "x.lock", "x.lock/y", "a@{1}", "a..b", ".a"]),
)

ROOT_DIRS = st.lists(
    st.sampled_from(["a", "b c", ".", "..", "", "~", "-x", "%2e%2e", ".git", "..b", "\\..", "@o"]),
    min_size=1,
    max_size=5,
).map("/".join)

NAMES = TANGLES.map(lambda text: text[:100])
