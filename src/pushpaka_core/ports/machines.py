"""The machines between which a runtime chooses, where it has several."""

from collections.abc import Awaitable, Callable, Sequence

from attrs import frozen


@frozen(kw_only=True)
class Machine:
    """A machine that runs instances, as the runtime sees it."""

    name: str
    address: str
    role: str
    """`manager` or `worker`."""
    state: str
    """`ready`, or why it runs nothing, as `down`."""
    availability: str
    """Whether it is to be given work: `active`, `pause` or `drain`."""

    @property
    def is_free(self) -> bool:
        """Tell whether it takes further instances."""
        return self.state == "ready" and self.availability == "active"


Machines = Callable[[], Awaitable[Sequence[Machine]]]
"""Lists them; RuntimeUnavailableError where nobody can tell."""
