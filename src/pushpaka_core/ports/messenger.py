"""Tells people something where they read: in chats, by mail, on their telephones."""

from typing import Protocol


class Messenger(Protocol):
    """
    Sends to services that people have named by address, and to no private network for them.

    The addresses hold passwords and tokens; they are in no argument, no log and no error.
    """

    @property
    def is_installed(self) -> bool:
        """Tell whether it can send at all."""
        ...

    async def understands(self, url: str, /) -> bool:
        """
        Tell whether there is a service that has such an address; nobody is contacted.

        Raises:
            ReceiverUnavailableError: If that cannot be found out now.
        """
        ...

    async def tell(self, url: str, /, *, title: str, text: str) -> None:
        """
        Send a message and return when the service has taken it.

        Raises:
            ReceiverUnavailableError: If it was not taken, and may be later.
            DeliveryRefusedError: If the address cannot be used, or leads where it may not.
        """
