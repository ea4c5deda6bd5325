"""Tells servers of others something over HTTP."""

from collections.abc import Mapping
from typing import Protocol


class Poster(Protocol):
    """
    Sends to addresses that people have named, none of which has reason to be trusted.

    Where a name leads is judged before it is contacted, and it is contacted nowhere else.
    """

    async def post(self, url: str, /, *, headers: Mapping[str, str], body: bytes) -> None:
        """
        Send *body* and return when it was taken. No redirect is followed.

        Raises:
            ReceiverUnavailableError: If it was not taken, and may be later.
            DeliveryRefusedError: If it will not be, or the address may not be contacted.
        """
