"""What the Domain Name System says."""

from collections.abc import Collection
from typing import Protocol

from pushpaka_core.domain.custom_domains import HostRecords


class Resolver(Protocol):
    """
    Asks name servers, each time anew: nothing is kept from one call to the next.

    Names are in ASCII, fully qualified, without a dot at the end. A name that does not
    exist has no records. An answer takes seconds at most, whatever the name servers do.
    """

    async def texts(self, name: str, /) -> Collection[str]:
        """
        Return the texts of the TXT records of *name*; what is no UTF-8 is not among them.

        Raises:
            NameLookupError: If the name servers do not tell.
        """
        ...

    async def host_records(self, name: str, /) -> HostRecords:
        """
        Return where *name* leads: its own alias, and the addresses at the end of all aliases.

        Raises:
            NameLookupError: If the name servers do not tell.
        """
        ...
