"""Messages reach real servers by Apprise, and no network that is not allowed."""

import json
from ipaddress import ip_network
from pathlib import Path

import pytest
from tests.receivers import open_http_receiver, open_mail_receiver

from pushpaka_core.adapters.apprise.messenger import AppriseMessenger
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.domain.networks import IPNetwork
from pushpaka_core.errors import DeliveryRefusedError, ReceiverUnavailableError

pytestmark = pytest.mark.anyio

LOOPBACK = (ip_network("127.0.0.0/8"),)


def messenger_of(tmp_path: Path, *allow_nets: IPNetwork) -> AppriseMessenger:
    (tmp_path / "state").mkdir(mode=0o700)
    processes = HostProcesses(tmp_path / "state")
    return AppriseMessenger(processes=processes, directory=tmp_path, allow_nets=allow_nets)


async def test_a_message_is_taken_by_a_server(tmp_path: Path) -> None:
    """With its title and its text, by the protocol that the address names."""
    messenger = messenger_of(tmp_path, *LOOPBACK)

    with open_http_receiver() as receiver:
        await messenger.tell(
            f"json://127.0.0.1:{receiver.port}/deployed", title="shop is deployed", text="at 1234"
        )

    (received,) = receiver.received
    told = json.loads(received.body)
    assert ("/deployed", "shop is deployed", "at 1234") == (
        received.path,
        told["title"],
        told["message"],
    )


async def test_a_message_is_taken_by_a_mail_server(tmp_path: Path) -> None:
    """It comes from and to whom the address says."""
    messenger = messenger_of(tmp_path, *LOOPBACK)

    with open_mail_receiver() as receiver:
        url = f"mailto://127.0.0.1:{receiver.port}?from=us@example.com&to=ann@example.org&mode=insecure"
        await messenger.tell(url, title="shop has crashed", text="It ran out of memory.")

    (received,) = receiver.received
    assert b"shop has crashed" in received.body
    assert b"ann@example.org" in received.body


async def test_nothing_connects_to_a_private_network(tmp_path: Path) -> None:
    """Whichever library would, and however the address is written."""
    messenger = messenger_of(tmp_path)

    with open_http_receiver() as receiver, open_mail_receiver() as mail:
        for url in (
            f"json://127.0.0.1:{receiver.port}/",
            f"json://localhost:{receiver.port}/",
            f"mailto://127.0.0.1:{mail.port}?from=us@example.com&to=a@example.org&mode=insecure",
            "syslog://",
        ):
            with pytest.raises(DeliveryRefusedError):
                await messenger.tell(url, title="a", text="b")

    assert [] == receiver.received + mail.received


@pytest.mark.parametrize(
    ("url", "is_one"),
    [("json://127.0.0.1:1/", True), ("no://127.0.0.1/", False), ("slack://TokenA", False)],
)
async def test_it_is_known_which_addresses_services_have(
    tmp_path: Path, url: str, is_one: bool
) -> None:
    """By what stands before them and by their form; nobody is contacted."""
    assert is_one == await messenger_of(tmp_path).understands(url)


async def test_an_address_that_no_service_has_is_refused(tmp_path: Path) -> None:
    """There is no use in trying it again, and it is not repeated: it may hold a secret."""
    messenger = messenger_of(tmp_path, *LOOPBACK)

    with pytest.raises(DeliveryRefusedError, match="No service is known") as caught:
        await messenger.tell("nonsense://s3cret", title="a", text="b")

    assert "s3cret" not in str(caught.value)


async def test_what_is_not_taken_now_may_be_taken_later(tmp_path: Path) -> None:
    """As where nobody listens."""
    messenger = messenger_of(tmp_path, *LOOPBACK)
    with open_http_receiver() as receiver:
        pass

    with pytest.raises(ReceiverUnavailableError, match="did not take a message"):
        await messenger.tell(f"json://127.0.0.1:{receiver.port}/", title="a", text="b")
