"""
Where tokens are kept: in the keyring of the desktop where there is one, else in the file.

Its backends raise whatever the desktop's bus or its libraries do, besides the library's own errors.
"""

from contextlib import suppress
from importlib import import_module
from typing import Protocol, cast

from attrs import evolve

from pushpaka_http.cli.client.context_file import Context
from pushpaka_http.cli.client.failures import NotSignedInError

_SERVICE = "pushpaka"
_LEAST_PRIORITY = 1
"""What the library's own backends have where they work; the one that refuses has 0."""


class _Keyring(Protocol):
    """The library `keyring`, as far as it is used."""

    def get_password(self, service: str, name: str, /) -> str | None: ...

    def set_password(self, service: str, name: str, password: str, /) -> None: ...

    def delete_password(self, service: str, name: str, /) -> None: ...


def with_token(name: str, context: Context, token: str) -> Context:
    """Return *context* with *token*, which is in the keyring from now on if that can be."""
    keyring = _usable_keyring()
    if keyring is not None:
        with suppress(Exception):
            keyring.set_password(_SERVICE, _entry(name, context), token)
            return evolve(context, token=None, is_in_keyring=True)
    return evolve(context, token=token, is_in_keyring=False)


def token_of(name: str, context: Context) -> str | None:
    """
    Return the token of *context*, wherever it is; None where nobody is signed in.

    Raises:
        NotSignedInError: If it is in a keyring that does not give it.
    """
    if not context.is_in_keyring:
        return context.token
    keyring = _usable_keyring()
    if keyring is not None:
        with suppress(Exception):
            if token := keyring.get_password(_SERVICE, _entry(name, context)):
                return token
    raise NotSignedInError(
        f'The keyring does not give the token of the context "{name}". '
        "Unlock it, or run: pushpaka login"
    )


def without_token(name: str, context: Context) -> Context:
    """Return *context* signed out; a keyring forgets the token."""
    keyring = _usable_keyring() if context.is_in_keyring else None
    if keyring is not None:
        with suppress(Exception):
            keyring.delete_password(_SERVICE, _entry(name, context))
    return evolve(context, token=None, is_in_keyring=False, token_id=None)


def _usable_keyring() -> _Keyring | None:
    try:
        keyring = import_module("keyring")
    except ImportError:
        return None
    with suppress(Exception):
        if keyring.get_keyring().priority >= _LEAST_PRIORITY:
            return cast("_Keyring", keyring)
    return None


def _entry(name: str, context: Context) -> str:
    return f"{name} at {context.url}"
