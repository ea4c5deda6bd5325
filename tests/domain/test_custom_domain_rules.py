"""What may be a custom domain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushpaka_core.domain.custom_domains import NewCustomDomain, normal_domain
from pushpaka_core.errors import InvalidInputError
from pushpaka_core.testing.objects import a_project, a_user

PROJECT = a_project(a_user())


def a_new(domain: str) -> NewCustomDomain:
    return NewCustomDomain(project_id=PROJECT.id, domain=domain)


@pytest.mark.parametrize(
    "domain",
    ["example.com", "App.Example.COM", "a.b.c.example.co.uk", "xn--bcher-kva.example", "1.com"],
)
def test_good_domains(domain: str) -> None:
    """A fully qualified name in ASCII is one."""
    assert domain == a_new(domain).domain


@pytest.mark.parametrize(
    "domain",
    [
        *["", "com", "evil.com/../", "a.com:443", "a.com#@b.com", "[::1]", "1.2.3.4", "localhost"],
        *["-a.com", "a-.com", "a..b", ".a.com", "a.com.", "*.a.com", "a_b.com", "a b.com"],
        *["a.com\n", "a\0.com", "x" * 64 + ".com", "x." * 127 + "com", "app.localhost"],
        *["app.local", "db.internal", "x.test", "\uff41.com", "\u0430pple.com", "a\u200db.com"],
    ],
)
def test_bad_domains(domain: str) -> None:
    """Addresses, ports, paths, wildcards, private names and other scripts are none."""
    with pytest.raises(InvalidInputError) as refusal:
        a_new(domain)

    assert ["domain"] == [*refusal.value.problems]


@given(st.text(max_size=300))
def test_no_text_breaks_the_rule(domain: str) -> None:
    """Whatever is sent is a plain host name or refused."""
    try:
        kept = normal_domain(a_new(domain).domain)
    except InvalidInputError:
        return
    assert set(kept) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")
    assert len(kept) <= 253
