"""The command `pushpaka domains`."""

import time
from typing import TYPE_CHECKING

import click

from pushpaka_http.cli.commands.listing_group import ListingGroup
from pushpaka_http.cli.commands.session import (
    Session,
    filter_by_project,
    with_project_option,
    with_session,
)
from pushpaka_http.cli.ui.failures import NotVerifiedError
from pushpaka_http.cli.ui.lookup import find_one
from pushpaka_http.cli.ui.output import Columns, display_value
from pushpaka_http.cli.ui.prompts import confirm, yes_option
from pushpaka_http.cli.ui.public_addresses import is_private

if TYPE_CHECKING:
    from pushpaka_http.schemas.custom_domains import DomainResponse, HostRecordsResponse

CHECK_INTERVAL = 5.0
"""Seconds between two checks of the DNS records, which take minutes to propagate."""

_NOTHING_RESPONDS = "Nothing responds at the domain because the application has no web process."
_COLUMNS: Columns = {
    "Domain": "domain",
    "Status": "status",
    "TLS": "ssl_enabled",
    "Reachable": "dns_ok",
    "Checked": "checked_at",
    "Reason": "reason",
}


@click.group("domains", cls=ListingGroup)
def command() -> None:
    """
    Manage custom domains.

    Without a subcommand, list them.
    """


@command.command("list")
@with_project_option
def list_(session: Session) -> None:
    """
    List the custom domains of a project.

    Example: pushpaka domains list
    """
    domains = filter_by_project(session, session.client.domains.list())
    session.output.table(domains, _COLUMNS, empty_message="There are no custom domains.")


@command.command("add")
@click.argument("domain")
@with_project_option
def add(session: Session, *, domain: str) -> None:
    """
    Add DOMAIN, and show the DNS records to set.

    Example: pushpaka domains add www.example.com
    """
    claimed = session.client.domains.create(project_id=session.project.id, domain=domain)
    session.output.result(claimed, *_required_records(claimed))
    if session.project.url is None:
        session.output.message(f"Warning: {_NOTHING_RESPONDS}")
    server = claimed.dns_expected.cname
    if server is not None and is_private(server):
        session.output.message(
            f"Warning: {server} cannot be reached from the internet. Only visitors in the same "
            "network can use the domain, and it gets no certificate from a public authority."
        )
    session.output.next_step(f"pushpaka domains verify --wait {claimed.domain}")


@command.command("verify")
@click.argument("domain")
@click.option("--wait", "waits", is_flag=True, help="Repeat the check until it succeeds.")
@click.option(
    "--timeout",
    type=click.IntRange(1),
    default=600,
    show_default=True,
    help="Seconds to wait with --wait.",
)
@with_session
def verify(session: Session, *, domain: str, waits: bool, timeout: int) -> None:
    """
    Verify DOMAIN with its TXT record.

    Visitors can reach the application at a domain only after the domain is verified.

    Example: pushpaka domains verify --wait www.example.com
    """
    found = _find(session, domain)
    end = time.monotonic() + (timeout if waits else 0)
    while not (looked := session.client.domains.verify(found.id)).verified:
        if time.monotonic() >= end:
            raise NotVerifiedError("\n".join([f"{looked.reason}", *_required_records(looked)]))
        session.output.message(f"Not verified yet: {looked.reason}")
        time.sleep(CHECK_INTERVAL)
    has_web = session.client.projects.get(looked.project_id).url is not None
    session.output.result(
        looked, f"{looked.domain} is verified.", *_reachability_lines(looked, has_web=has_web)
    )


@command.command("remove")
@click.argument("domain")
@yes_option
@with_session
def remove(session: Session, *, domain: str, is_confirmed: bool) -> None:
    """
    Remove DOMAIN from the project.

    Once the domain is removed, visitors can no longer reach the application at this domain.

    Example: pushpaka domains remove www.example.com
    """
    found = _find(session, domain)
    confirm("domain", found.domain, is_confirmed=is_confirmed)
    removed = session.client.domains.delete(found.id)
    session.output.result(removed, f"Removed {found.domain}.")


def _find(session: Session, domain: str) -> "DomainResponse":
    return find_one(session.client.domains.list().data, domain, "domain", "id", noun="domain")


def _required_records(domain: "DomainResponse") -> list[str]:
    record, expected = domain.verification, domain.dns_expected
    return [
        f"Add this DNS record to verify {domain.domain}:",
        f"  {record.type}  {record.name}  {record.value}",
        "Point the domain to this server with one of these records:",
        *([f"  CNAME   {expected.cname}"] if expected.cname else []),
        *(f"  A/AAAA  {address}" for address in expected.addresses),
    ]


def _reachability_lines(domain: "DomainResponse", *, has_web: bool) -> list[str]:
    if not has_web:
        return [_NOTHING_RESPONDS]
    if domain.dns_ok:
        return [f"The application is reachable at https://{domain.domain}."]
    return [
        "The domain does not point to this server yet.",
        f"Current records:   {_format_records(domain.dns_actual)}",
        f"Required records:  {_format_records(domain.dns_expected)}",
    ]


def _format_records(records: "HostRecordsResponse") -> str:
    return f"{display_value(records.cname)} {display_value(records.addresses)}"
