"""What may be a custom domain, and what becomes of one by what the DNS says."""

from datetime import datetime, timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from pushpaka_core.domain.custom_domains import (
    CLAIM_KEPT,
    LAPSES_AFTER,
    CustomDomain,
    DomainSight,
    DomainStatus,
    HostRecords,
    NewCustomDomain,
    Reachability,
    normal_domain,
)
from pushpaka_core.errors import InvalidInputError
from pushpaka_core.testing.objects import NOON, a_custom_domain, a_project, a_user

PROJECT = a_project(a_user())
CLAIM = a_custom_domain(PROJECT)
A_MINUTE, AN_HOUR = timedelta(minutes=1), timedelta(hours=1)


def a_new(domain: str) -> NewCustomDomain:
    return NewCustomDomain(project_id=PROJECT.id, domain=domain)


@pytest.mark.parametrize(
    "domain",
    [
        "example.com",
        "App.Example.COM",
        "a.b.c.example.co.uk",
        "xn--bcher-kva.example",
        "1.com",
        "a--b.com",
    ],
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
        *["xn--a.com", "xn--.com", "a.xn--apple-", "xn--" + "\u0430pple.com", "xn--zwj-.com"],
        *["x" * 60 + ("." + "x" * 60) * 3],
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


def look(domain: CustomDomain, *texts: str, at: datetime) -> CustomDomain:
    return domain.seen(DomainSight(texts=texts, reachability=Reachability()), at=at)


def proven(at: datetime = NOON) -> CustomDomain:
    return look(CLAIM, CLAIM.challenge, at=at)


def test_the_right_record_proves_a_claim() -> None:
    """It may stand among others."""
    domain = look(CLAIM, "something else", CLAIM.challenge, at=NOON + AN_HOUR)

    assert (DomainStatus.VERIFIED, None, None) == (domain.status, domain.reason, domain.expires_at)
    assert NOON + AN_HOUR == domain.verified_at == domain.checked_at == domain.updated_at


@pytest.mark.parametrize(
    ("texts", "said"),
    [((), "was not found"), (("other",), "does not hold the value of this claim")],
)
def test_a_claim_without_proof_waits(texts: tuple[str, ...], said: str) -> None:
    """It says what is wrong, and until when it is looked for."""
    domain = look(CLAIM, *texts, at=NOON + AN_HOUR)

    assert DomainStatus.PENDING is domain.status
    assert f"The TXT record {CLAIM.challenge_name} {said}." == domain.reason
    assert NOON + CLAIM_KEPT == domain.expires_at
    assert [False, True] == [
        domain.has_expired(NOON + CLAIM_KEPT - A_MINUTE),
        domain.has_expired(NOON + CLAIM_KEPT),
    ]


def test_a_proven_domain_lapses_after_days_without_its_record() -> None:
    """Until then it is routed; afterwards it is a claim like a new one."""
    missed = look(proven(), at=NOON + AN_HOUR)
    long_missed = look(missed, at=NOON + AN_HOUR + LAPSES_AFTER - A_MINUTE)
    lapsed = look(long_missed, at=NOON + AN_HOUR + LAPSES_AFTER)

    for domain in (missed, long_missed):
        assert (DomainStatus.LAPSING, True) == (domain.status, domain.is_verified)
        assert NOON + AN_HOUR + LAPSES_AFTER == domain.expires_at
        assert "was not found" in str(domain.reason)
    assert (DomainStatus.PENDING, False) == (lapsed.status, lapsed.is_verified)
    assert NOON + AN_HOUR + LAPSES_AFTER + CLAIM_KEPT == lapsed.expires_at


def test_a_record_that_is_back_mends_all() -> None:
    """What was missed before does not count any more."""
    back = look(look(proven(), at=NOON + AN_HOUR), CLAIM.challenge, at=NOON + 2 * AN_HOUR)

    assert (DomainStatus.VERIFIED, None, NOON) == (back.status, back.reason, back.verified_at)


def test_silent_name_servers_take_nothing_away() -> None:
    """However long they are silent, a proven domain stays proven."""
    domain = proven().unseen("No answer.", at=NOON + 10 * LAPSES_AFTER)

    assert (DomainStatus.VERIFIED, "No answer.") == (domain.status, domain.reason)


def test_the_longer_a_claim_waits_the_more_seldom_it_is_looked_at() -> None:
    """The first look waits a minute, and no pause is longer than an hour."""
    domain, looks = CLAIM, []
    for minute in range(400):
        now = NOON + minute * A_MINUTE
        if domain.is_due(now):
            domain = look(domain, at=now)
            looks.append(minute)

    assert [1, 2, 4, 8, 16, 32, 64, 124, 184, 244, 304, 364] == looks


def test_a_proven_domain_is_looked_at_each_hour() -> None:
    """Nor does a clock that was set back keep it from that."""
    assert [False, True, True] == [
        proven().is_due(NOON + 59 * A_MINUTE),
        proven().is_due(NOON + AN_HOUR),
        proven(NOON + 1000 * AN_HOUR).is_due(NOON),
    ]


@pytest.mark.parametrize(
    ("seen", "reached"),
    [
        (HostRecords(cname="shop.example.net"), True),
        (HostRecords(addresses=("192.0.2.1",)), True),
        (HostRecords(cname="cdn.example.org", addresses=("192.0.2.2", "192.0.2.1")), True),
        (HostRecords(addresses=("192.0.2.1", "192.0.2.9")), False),
        (HostRecords(cname="other.example.net"), False),
        (HostRecords(), False),
    ],
)
def test_a_domain_is_reached_by_alias_or_address(seen: HostRecords, reached: bool) -> None:
    """None of its addresses may be another's, or half of its visitors go there."""
    expected = HostRecords(cname="shop.example.net", addresses=("192.0.2.1", "192.0.2.2"))

    assert reached is Reachability(seen=seen, expected=expected).is_reached


def test_nothing_is_reached_where_nothing_is_expected() -> None:
    """Two names without records do not lead to the same place."""
    assert not Reachability(seen=HostRecords(), expected=HostRecords()).is_reached
    assert not evolve(Reachability(), expected=HostRecords(cname="a.b")).is_reached
