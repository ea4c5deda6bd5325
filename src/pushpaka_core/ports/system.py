"""The clock and the dice, so that the core can be stepped through in tests."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

Clock = Callable[[], datetime]
"""Returns the present time, aware, in UTC."""

IdGenerator = Callable[[], UUID]
"""Returns an id that was never returned before."""
