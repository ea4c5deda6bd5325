"""`pushpaka domains`."""

import time
from typing import TYPE_CHECKING

import click

from pushpaka_http.cli.client.choosing import the_one
from pushpaka_http.cli.client.confirming import confirm, yes_option
from pushpaka_http.cli.client.failures import NotVerifiedError
from pushpaka_http.cli.client.output import Columns, shown
from pushpaka_http.cli.client.session import Session, in_project, of_its_project, with_session

if TYPE_CHECKING:
    from pushpaka_http.schemas.custom_domains import DomainResponse, HostRecordsResponse

PAUSE = 5.0
"""Seconds between two looks: records do not come by the second."""

_COLUMNS: Columns = {
    "Domain": "domain",
    "Status": "status",
    "TLS": "ssl_enabled",
    "Visitors come here": "reachability.reached",
    "Checked": "checked_at",
    "Reason": "reason",
}


@click.group("domains")
def command() -> None:
    """Bring your own domains, prove that they are yours, and give them up."""


@command.command("list")
@in_project
def list_(session: Session) -> None:
    """
    List the domains of a project.

    Example: pushpaka domains list
    """
    domains = of_its_project(session, session.client.domains.list())
    session.output.table(domains, _COLUMNS, empty="There is no domain of your own.")


@command.command("add")
@click.argument("domain")
@in_project
def add(session: Session, *, domain: str) -> None:
    """
    Claim DOMAIN, and show what proves that it is yours.

    Example: pushpaka domains add www.example.com
    """
    claimed = session.client.domains.create(project_id=session.project.id, domain=domain)
    session.output.result(claimed, *_what_to_set(claimed))
    session.output.next_step(f"pushpaka domains verify --wait {claimed.domain}")


@command.command("verify")
@click.argument("domain")
@click.option("--wait", "is_patient", is_flag=True, help="Look again until the record is there.")
@click.option(
    "--timeout", type=click.IntRange(1), default=600, show_default=True, help="Seconds to wait."
)
@with_session
def verify(session: Session, *, domain: str, is_patient: bool, timeout: int) -> None:
    """
    Look whether the record of DOMAIN is there.

    Only then visitors are let in by that name.

    Example: pushpaka domains verify --wait www.example.com
    """
    found = _find(session, domain)
    end = time.monotonic() + (timeout if is_patient else 0)
    while not (looked := session.client.domains.verify(found.id)).verified:
        if time.monotonic() >= end:
            raise NotVerifiedError("\n".join([f"{looked.reason}", *_what_to_set(looked)]))
        session.output.say(f"Not yet: {looked.reason}")
        time.sleep(PAUSE)
    session.output.result(looked, f"{looked.domain} is verified.", *_where_it_leads(looked))


@command.command("remove")
@click.argument("domain")
@yes_option
@with_session
def remove(session: Session, *, domain: str, is_sure: bool) -> None:
    """
    Give DOMAIN up; visitors are not let in by it any more.

    Example: pushpaka domains remove www.example.com
    """
    found = _find(session, domain)
    confirm("domain", found.domain, is_sure=is_sure)
    removed = session.client.domains.delete(found.id)
    session.output.result(removed, f"{found.domain} is removed.")


def _find(session: Session, domain: str) -> "DomainResponse":
    return the_one(session.client.domains.list().data, domain, "domain", "id", what="domain")


def _what_to_set(domain: "DomainResponse") -> list[str]:
    record, expected = domain.verification, domain.reachability.expected
    return [
        f"Set this record where the DNS of {domain.domain} is managed:",
        f"  {record.type}  {record.name}  {record.value}",
        "and let the domain itself lead here, by an alias or by addresses:",
        *([f"  CNAME   {expected.cname}"] if expected.cname else []),
        *(f"  A/AAAA  {address}" for address in expected.addresses),
    ]


def _where_it_leads(domain: "DomainResponse") -> list[str]:
    reachability = domain.reachability
    if reachability.reached:
        return [f"It answers at https://{domain.domain}."]
    return [
        "Visitors do not come here yet.",
        f"It leads to     {_led(reachability.seen)}",
        f"It should lead  {_led(reachability.expected)}",
    ]


def _led(records: "HostRecordsResponse") -> str:
    return f"{shown(records.cname)} {shown(records.addresses)}"
