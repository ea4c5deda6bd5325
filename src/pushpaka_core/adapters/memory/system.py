"""Failpoints for tests within one process."""

from attrs import define, field


@define
class MemoryFailpoints:
    """Raises the error configured for a step each time that the step is reached."""

    errors: dict[str, Exception] = field(factory=dict)

    async def hit(self, step: str, /) -> None:
        """Raise the error configured for *step*, if any."""
        if error := self.errors.get(step):
            raise error
