"""Limits on the WebSocket frames that clients send."""

import time
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from attrs import define, field, frozen
from litestar.types import Scope

from pushpaka_core.domain.ids import UserId

MAX_FRAMES_PER_MINUTE = 1_000
"""
Maximum number of frames per minute, for one connection and for all connections of a user together.
"""
_MINUTE = 60
_STATE_KEY = "frame_limit"


@define
class FrameBudget:
    """Counts frames in windows of one minute, with at most MAX_FRAMES_PER_MINUTE in each."""

    _now: Callable[[], float] = time.monotonic
    _count: int = field(default=0, init=False)
    _window_started_at: float = field(default=float("-inf"), init=False)

    def spend(self, frames: int) -> bool:
        """Count *frames*, and return False if the limit is exceeded."""
        if self.is_window_over:
            self._count, self._window_started_at = 0, self._now()
        self._count += frames
        return self._count <= MAX_FRAMES_PER_MINUTE

    @property
    def is_window_over(self) -> bool:
        """Return True if the last window is over, so that the budget is full again."""
        return self._now() >= self._window_started_at + _MINUTE


@define
class FrameLimit:
    """The frame limit of one connection: its own budget and the shared ones."""

    is_enforced_by_server: bool = False
    """
    Whether the server counts the frames.

    Pushpaka's own server counts frames. Other ASGI servers pass only complete messages, and the
    application counts these messages.
    """
    is_exceeded: bool = field(default=False, init=False)
    _budgets: list[FrameBudget] = field(factory=lambda: [FrameBudget()], init=False)

    def add_budget(self, budget: FrameBudget) -> None:
        """Count the following frames toward *budget* as well."""
        self._budgets.append(budget)

    def spend(self, frames: int) -> bool:
        """Count *frames*, and return False once any budget has been exceeded."""
        within = [budget.spend(frames) for budget in self._budgets]
        self.is_exceeded = self.is_exceeded or not all(within)
        return not self.is_exceeded


@frozen
class UserFrameBudgets:
    """
    The frame budget of each user, shared by their connections.

    A budget outlives the connections until its window ends, so that a new connection does not reset
    it.
    """

    _known: WeakValueDictionary[UserId | None, FrameBudget] = field(
        factory=WeakValueDictionary, init=False, repr=False
    )
    _recent: dict[UserId | None, FrameBudget] = field(factory=dict, init=False, repr=False)
    """Strong references to the budgets whose window is not over."""

    def of(self, user_id: UserId | None) -> FrameBudget:
        """Return the budget that all connections of a user share."""
        for other in [user for user, budget in self._recent.items() if budget.is_window_over]:
            del self._recent[other]
        budget = self._known.setdefault(user_id, FrameBudget())
        budget.spend(0)
        self._recent[user_id] = budget
        return budget


def attach_frame_limit(scope: Any, limit: FrameLimit) -> None:
    """Pass the limit that the server enforces to the application through the ASGI scope."""
    scope["state"][_STATE_KEY] = limit


def frame_limit_of(scope: Scope) -> FrameLimit:
    """Return the limit that the server attached, or a new limit for the application to enforce."""
    limit: FrameLimit = scope["state"].get(_STATE_KEY) or FrameLimit()
    return limit
