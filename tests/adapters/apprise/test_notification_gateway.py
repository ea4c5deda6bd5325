"""Tests that Apprise sends messages to real servers, but not to forbidden networks."""

import json
from ipaddress import ip_network
from pathlib import Path

import pytest
from tests.servers.notification_receivers import open_http_receiver, open_mail_receiver

from pushpaka_core.adapters.apprise.notification_gateway import AppriseNotificationGateway
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.domain.networks import IPNetwork
from pushpaka_core.errors import DeliveryRejectedError, ReceiverUnavailableError

pytestmark = [pytest.mark.anyio, pytest.mark.suite("integration")]

LOOPBACK = (ip_network("127.0.0.0/8"),)


def create_gateway(tmp_path: Path, *allow_nets: IPNetwork) -> AppriseNotificationGateway:
    (tmp_path / "state").mkdir(mode=0o700)
    processes = HostProcesses(tmp_path / "state")
    return AppriseNotificationGateway(
        process_manager=processes, directory=tmp_path, allow_nets=allow_nets
    )


async def test_message_is_delivered_to_a_server(tmp_path: Path) -> None:
    """The request contains the title and the text of the message."""
    notification_gateway = create_gateway(tmp_path, *LOOPBACK)

    with open_http_receiver() as receiver:
        await notification_gateway.send(
            f"json://127.0.0.1:{receiver.port}/deployed", title="shop is deployed", body="at 1234"
        )

    (received,) = receiver.received
    payload = json.loads(received.body)
    assert ("/deployed", "shop is deployed", "at 1234") == (
        received.path,
        payload["title"],
        payload["message"],
    )


async def test_message_is_delivered_by_mail(tmp_path: Path) -> None:
    """The mail has the sender and the recipient that are given in the notification URL."""
    notification_gateway = create_gateway(tmp_path, *LOOPBACK)

    with open_mail_receiver() as receiver:
        url = f"mailto://127.0.0.1:{receiver.port}?from=us@example.com&to=ann@example.org&mode=insecure"
        await notification_gateway.send(url, title="shop has crashed", body="It ran out of memory.")

    (received,) = receiver.received
    assert b"shop has crashed" in received.body
    assert b"ann@example.org" in received.body


async def test_private_networks_are_not_contacted(tmp_path: Path) -> None:
    """The address is checked for every protocol and every spelling of the host."""
    notification_gateway = create_gateway(tmp_path)

    with open_http_receiver() as receiver, open_mail_receiver() as mail:
        for url in (
            f"json://localhost:{receiver.port}/",
            f"mailto://127.0.0.1:{mail.port}?from=us@example.com&to=a@example.org&mode=insecure",
            "syslog://",
        ):
            with pytest.raises(DeliveryRejectedError):
                await notification_gateway.send(url, title="a", body="b")

    assert [] == receiver.received + mail.received


@pytest.mark.parametrize(
    ("url", "is_supported"),
    [("json://127.0.0.1:1/", True), ("slack://TokenA", False)],
)
async def test_notification_urls_are_validated(
    tmp_path: Path, url: str, is_supported: bool
) -> None:
    """Validating a URL does not send a request."""
    assert is_supported == await create_gateway(tmp_path).supports(url)


async def test_an_unknown_service_is_refused(tmp_path: Path) -> None:
    """The error does not contain the URL, which may contain a secret."""
    notification_gateway = create_gateway(tmp_path, *LOOPBACK)

    with pytest.raises(DeliveryRejectedError, match="No notification service supports") as caught:
        await notification_gateway.send("nonsense://s3cret", title="a", body="b")

    assert "s3cret" not in str(caught.value)


async def test_unreachable_server_can_be_retried(tmp_path: Path) -> None:
    notification_gateway = create_gateway(tmp_path, *LOOPBACK)
    with open_http_receiver() as receiver:
        pass

    with pytest.raises(ReceiverUnavailableError, match="did not accept the message"):
        await notification_gateway.send(f"json://127.0.0.1:{receiver.port}/", title="a", body="b")
