"""Failpoints that a test sets in its own process."""

from attrs import define, field


@define
class MemoryFailpoints:
    """Raises what a test has set for a step, each time that it is reached."""

    errors: dict[str, Exception] = field(factory=dict)

    async def reach(self, step: str, /) -> None:
        """Raise the error that is set for *step*, if there is one."""
        if error := self.errors.get(step):
            raise error
