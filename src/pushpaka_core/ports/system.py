"""The clock and the dice, so that the core can be stepped through in tests."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

Clock = Callable[[], datetime]
"""Returns the present time, aware, in UTC."""

Stopwatch = Callable[[], float]
"""Returns seconds that only count on, whatever is done to the clock, since some moment."""

IdGenerator = Callable[[], UUID]
"""Returns an id that was never returned before."""
