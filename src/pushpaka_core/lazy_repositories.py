"""A unit of work whose repositories are created when they are first needed."""

from collections.abc import Callable
from typing import Generic, TypeVar

from attrs import frozen

State = TypeVar("State")
Repository = TypeVar("Repository")


@frozen
class LazyUnitOfWork(Generic[State]):
    """The base class of implementations of `UnitOfWork`, with `LazyRepository` attributes."""

    state: State
    """The transaction that all repositories work on."""


@frozen
class LazyRepository(Generic[State, Repository]):
    """
    An attribute that creates a repository on each access.

    Most transactions use two or three of about 30 repositories. Creating all of them would take
    longer than many statements.
    """

    _create: Callable[[State], Repository]

    def __get__(self, unit_of_work: LazyUnitOfWork[State], _: type, /) -> Repository:
        return self._create(unit_of_work.state)
