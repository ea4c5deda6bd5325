"""How the program of a container has ended, read from the one number that engines tell."""

from signal import Signals

from pushpaka_core.ports.processes import Exit

_BY_SIGNAL = 128


def exit_of(code: int, *, memory_limit: int | None = None) -> Exit:
    """Return how it ended; a signal is told by its number and 128, as a shell does."""
    if code - _BY_SIGNAL in set(Signals):
        return Exit(signal=code - _BY_SIGNAL, memory_limit=memory_limit)
    return Exit(code=code, memory_limit=memory_limit)
