"""Tests valid and invalid custom domains, and their verification by DNS records."""

from datetime import datetime, timedelta

import pytest
from attrs import evolve

from pushpaka_core.domain.routing.custom_domains import (
    LAPSE_PERIOD,
    VERIFICATION_PERIOD,
    CustomDomain,
    DomainObservation,
    DomainStatus,
    HostRecords,
    NewCustomDomain,
    Reachability,
)
from pushpaka_core.errors import InvalidInputError
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.projects import a_custom_domain, a_project
from pushpaka_core.testing.objects.values import NOON

PROJECT = a_project(a_user())
CLAIM = a_custom_domain(PROJECT)
A_MINUTE, AN_HOUR = timedelta(minutes=1), timedelta(hours=1)


def new_custom_domain(domain: str) -> NewCustomDomain:
    return NewCustomDomain(project_id=PROJECT.id, domain=domain)


@pytest.mark.parametrize(
    "domain",
    [
        *["example.com", "App.Example.COM", "a.b.c.example.co.uk", "xn--bcher-kva.example"],
        *["1.com", "a--b.com"],
    ],
)
def test_valid_domains_are_accepted(domain: str) -> None:
    assert domain == new_custom_domain(domain).domain


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
def test_invalid_domains_are_rejected(domain: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        new_custom_domain(domain)

    assert ["domain"] == [*refusal.value.problems]


def observe(domain: CustomDomain, *texts: str, now: datetime) -> CustomDomain:
    return domain.after_check(
        DomainObservation(txt_records=texts, reachability=Reachability()), now=now
    )


def verified_domain(now: datetime = NOON) -> CustomDomain:
    return observe(CLAIM, CLAIM.challenge, now=now)


def test_matching_record_verifies_the_domain() -> None:
    domain = observe(CLAIM, "something else", CLAIM.challenge, now=NOON + AN_HOUR)

    assert (DomainStatus.VERIFIED, None, None) == (domain.status, domain.reason, domain.expires_at)
    assert NOON + AN_HOUR == domain.verified_at == domain.checked_at == domain.updated_at


@pytest.mark.parametrize(
    ("texts", "problem"),
    [((), "was not found"), (("other",), "does not contain the challenge")],
)
def test_domain_without_the_record_stays_pending(texts: tuple[str, ...], problem: str) -> None:
    domain = observe(CLAIM, *texts, now=NOON + AN_HOUR)

    assert DomainStatus.PENDING is domain.status
    assert f"The TXT record {CLAIM.challenge_name} {problem}." == domain.reason
    assert NOON + VERIFICATION_PERIOD == domain.expires_at
    assert [False, True] == [
        domain.has_expired(NOON + VERIFICATION_PERIOD - A_MINUTE),
        domain.has_expired(NOON + VERIFICATION_PERIOD),
    ]


def test_verified_domain_lapses_after_days_without_its_record() -> None:
    missed = observe(verified_domain(), now=NOON + AN_HOUR)
    long_missed = observe(missed, now=NOON + AN_HOUR + LAPSE_PERIOD - A_MINUTE)
    lapsed = observe(long_missed, now=NOON + AN_HOUR + LAPSE_PERIOD)

    for domain in (missed, long_missed):
        assert (DomainStatus.LAPSING, True) == (domain.status, domain.is_verified)
        assert NOON + AN_HOUR + LAPSE_PERIOD == domain.expires_at
        assert "was not found" in str(domain.reason)
    assert (DomainStatus.PENDING, False) == (lapsed.status, lapsed.is_verified)
    assert NOON + AN_HOUR + LAPSE_PERIOD + VERIFICATION_PERIOD == lapsed.expires_at


def test_lapsing_domain_is_verified_again_by_its_record() -> None:
    back = observe(
        observe(verified_domain(), now=NOON + AN_HOUR), CLAIM.challenge, now=NOON + 2 * AN_HOUR
    )

    assert (DomainStatus.VERIFIED, None, NOON) == (back.status, back.reason, back.verified_at)


def test_verified_domain_survives_failed_lookups() -> None:
    domain = verified_domain().after_failed_check("No answer.", now=NOON + 10 * LAPSE_PERIOD)

    assert (DomainStatus.VERIFIED, "No answer.") == (domain.status, domain.reason)


def test_pending_domain_is_checked_less_often_over_time() -> None:
    domain, looks = CLAIM, []
    for minute in range(400):
        now = NOON + minute * A_MINUTE
        if domain.is_check_due(now):
            domain = observe(domain, now=now)
            looks.append(minute)

    assert [1, 2, 4, 8, 16, 32, 64, 124, 184, 244, 304, 364] == looks


def test_verified_domain_is_checked_each_hour() -> None:
    assert [False, True, True] == [
        verified_domain().is_check_due(NOON + 59 * A_MINUTE),
        verified_domain().is_check_due(NOON + AN_HOUR),
        verified_domain(NOON + 1000 * AN_HOUR).is_check_due(NOON),
    ]


@pytest.mark.parametrize(
    ("host_records", "is_reachable"),
    [
        (HostRecords(cname="shop.example.net"), True),
        (HostRecords(addresses=("192.0.2.1",)), True),
        (HostRecords(cname="cdn.example.org", addresses=("192.0.2.2", "192.0.2.1")), True),
        (HostRecords(addresses=("192.0.2.1", "192.0.2.9")), False),
        (HostRecords(cname="other.example.net"), False),
        (HostRecords(), False),
    ],
)
def test_domain_is_reachable_by_alias_or_address(
    host_records: HostRecords, is_reachable: bool
) -> None:
    expected = HostRecords(cname="shop.example.net", addresses=("192.0.2.1", "192.0.2.2"))

    assert is_reachable is Reachability(seen=host_records, expected=expected).is_reachable


def test_domain_without_expected_records_is_unreachable() -> None:
    assert not Reachability(seen=HostRecords(), expected=HostRecords()).is_reachable
    assert not evolve(Reachability(), expected=HostRecords(cname="a.b")).is_reachable
