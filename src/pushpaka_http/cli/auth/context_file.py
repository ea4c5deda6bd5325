"""Contexts: servers and tokens by name, and the file that stores them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from attrs import asdict, evolve, field, frozen

from pushpaka_core.host.state_files import atomic_write
from pushpaka_http.cli.ui.failures import ContextFileError

_GROUP_AND_OTHERS = 0o077
"""The permission bits of the group and of others."""


@frozen(kw_only=True)
class Context:
    """A server and the token for it."""

    url: str
    token: str | None = field(default=None, repr=False)
    """The token. None if it is in the keyring, or the user is not signed in."""
    is_in_keyring: bool = False
    token_id: str | None = None
    """The id of the API token that `pushpaka login` created and `pushpaka logout` revokes."""


@frozen(kw_only=True)
class Contexts:
    """All contexts, and the name of the current one."""

    current: str | None = None
    by_name: Mapping[str, Context] = field(factory=dict)

    def with_current(self, name: str) -> Self:
        """Return a copy in which *name* is the current context."""
        return evolve(self, current=name)

    def with_context(self, name: str, context: Context) -> Self:
        """Return a copy with *context* as *name*. An existing context of that name is replaced."""
        return evolve(self, by_name={**self.by_name, name: context})

    def without(self, name: str) -> Self:
        """
        Return a copy without the context *name*.

        If it was current, the first of the others becomes current.
        """
        rest = {other: context for other, context in self.by_name.items() if other != name}
        current = next(iter(rest), None) if name == self.current else self.current
        return evolve(self, by_name=rest, current=current)


@frozen
class ContextFile:
    """The file that stores the contexts, readable by its owner only."""

    _directory: Path

    @property
    def path(self) -> Path:
        """Return the path of the file."""
        return self._directory / "contexts.json"

    def load(self) -> Contexts:
        """
        Return the stored contexts, or none if the file does not exist.

        Raises:
            ContextFileError: If the file belongs to another user, others may read or write it, or
                it is damaged.
        """
        try:
            with self.path.open() as file:
                status, text = os.fstat(file.fileno()), file.read()
        except FileNotFoundError:
            return Contexts()
        except OSError as error:
            raise ContextFileError(
                f"{self.path} cannot be read: {error.strerror}. Check its owner and permissions."
            ) from None
        except UnicodeDecodeError:
            raise self._damaged_error() from None
        if status.st_uid != os.geteuid():
            raise ContextFileError(
                f"{self.path} belongs to another user. Set XDG_CONFIG_HOME to a different "
                "directory."
            )
        if status.st_mode & _GROUP_AND_OTHERS:
            raise ContextFileError(
                f"Other users can read or write {self.path}, which contains tokens. "
                f"Run: chmod 600 {self.path}. If other people use this machine, also revoke these "
                "tokens and sign in again."
            )
        try:
            return _contexts(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise self._damaged_error() from None

    def _damaged_error(self) -> ContextFileError:
        return ContextFileError(
            f"{self.path} is damaged. Remove the file, then run: pushpaka login"
        )

    def save(self, contexts: Contexts) -> None:
        """
        Replace the file with *contexts* atomically.

        Raises:
            ContextFileError: If the file cannot be written.
        """
        text = json.dumps(asdict(contexts), indent=2)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with atomic_write(self.path) as file:
                file.write(text.encode())
        except OSError as error:
            raise ContextFileError(
                f"{self.path} cannot be written: {error.strerror}. "
                "Set XDG_CONFIG_HOME to a different directory."
            ) from None


def _contexts(content: Mapping[str, Any]) -> Contexts:
    by_name = {name: Context(**context) for name, context in content["by_name"].items()}
    current = content["current"] if content["current"] in by_name else None
    return Contexts(current=current, by_name=by_name)
