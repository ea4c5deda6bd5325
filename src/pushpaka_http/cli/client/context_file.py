"""Servers by the names that a user gives them, and the file that remembers them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from attrs import asdict, evolve, field, frozen

from pushpaka_core.adapters.files.drafts import written_whole
from pushpaka_http.cli.client.failures import ContextFileError

_OTHERS = 0o077
"""What a mode says about everybody but the owner of a file."""


@frozen(kw_only=True)
class Context:
    """A server, and where the token is by which it is asked."""

    url: str
    token: str | None = field(default=None, repr=False)
    """None where it is in the keyring, or nobody is signed in."""
    is_in_keyring: bool = False
    token_id: str | None = None
    """Of the API token that a sign-in has made, which signing out ends."""


@frozen(kw_only=True)
class Contexts:
    """All of them, and which one is meant unless another is named."""

    current: str | None = None
    by_name: Mapping[str, Context] = field(factory=dict)

    def using(self, name: str) -> Self:
        """Return them with another current one."""
        return evolve(self, current=name)

    def with_context(self, name: str, context: Context) -> Self:
        """Return them with *context* under a name of its own or of one that it replaces."""
        return evolve(self, by_name={**self.by_name, name: context})

    def without(self, name: str) -> Self:
        """Return them without that one; where it was current, the first is."""
        rest = {other: context for other, context in self.by_name.items() if other != name}
        current = next(iter(rest), None) if name == self.current else self.current
        return evolve(self, by_name=rest, current=current)


@frozen
class ContextFile:
    """Contexts on disk, in a file that nobody else may read."""

    _directory: Path

    @property
    def path(self) -> Path:
        """Return where they are."""
        return self._directory / "contexts.json"

    def load(self) -> Contexts:
        """
        Return what is kept; nothing where nothing was kept yet.

        Raises:
            ContextFileError: If it is another user's, others may read it, or it is damaged.
        """
        try:
            with self.path.open() as file:
                status, text = os.fstat(file.fileno()), file.read()
        except FileNotFoundError:
            return Contexts()
        except (OSError, UnicodeDecodeError):
            raise ContextFileError(f"{self.path} cannot be read. Check who owns it.") from None
        if status.st_uid != os.geteuid():
            raise ContextFileError(
                f"{self.path} belongs to another user. XDG_CONFIG_HOME names another directory "
                "for it."
            )
        if status.st_mode & _OTHERS:
            raise ContextFileError(
                f"Others on this machine may read or write {self.path}, which holds tokens. "
                f"Run: chmod 600 {self.path}. If others use this machine, also revoke these "
                "tokens and sign in again."
            )
        try:
            return _contexts(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ContextFileError(
                f"{self.path} is damaged. Remove it, and run: pushpaka login"
            ) from None

    def save(self, contexts: Contexts) -> None:
        """
        Put *contexts* in the place of what is kept, wholly or not at all.

        Raises:
            ContextFileError: If it cannot be written.
        """
        text = json.dumps(asdict(contexts), indent=2)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with written_whole(self.path) as file:
                file.write(text.encode())
        except OSError as error:
            raise ContextFileError(
                f"{self.path} cannot be written: {error.strerror}. "
                "XDG_CONFIG_HOME names another directory for it."
            ) from None


def _contexts(kept: Mapping[str, Any]) -> Contexts:
    by_name = {name: Context(**context) for name, context in kept["by_name"].items()}
    current = kept["current"] if kept["current"] in by_name else None
    return Contexts(current=current, by_name=by_name)
