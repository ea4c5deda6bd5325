"""Finds the server that a command calls, and the token for it."""

from difflib import get_close_matches

from attrs import field, frozen

from pushpaka_http.cli.auth.clients import ClientSettings
from pushpaka_http.cli.auth.context_file import Context, ContextFile, Contexts
from pushpaka_http.cli.auth.token_store import load_token
from pushpaka_http.cli.ui.failures import NoMatchError, NotSignedInError


@frozen(kw_only=True)
class Server:
    """A server with a token."""

    url: str
    token: str | None = field(repr=False)
    """The token, or None if the user is not signed in."""
    context: str | None = None
    """The name of the context with this server, or None if there is no such context."""


def selected_server(context_name: str | None, settings: ClientSettings) -> Server:
    """
    Return the server of the context *context_name*. By default, return the server in the
    environment variables or, if they name none, the server of the current context.

    Raises:
        NoMatchError: If there is no context *context_name*.
        NotSignedInError: If no server is configured, or the keyring does not return the token.
        ContextFileError: If the contexts cannot be read.
    """
    if context_name is None and settings.url and settings.token:
        return Server(url=settings.url, token=settings.token)
    contexts = ContextFile(settings.config_directory).load()
    if context_name is not None:
        return _server_of_context(context_name, find_context(context_name, contexts))
    if settings.url:
        return _server_at(settings.url, contexts)
    if contexts.current is None:
        raise NotSignedInError("You are not signed in to a server. Run: pushpaka login URL")
    context = contexts.by_name[contexts.current]
    if settings.token:
        return Server(url=context.url, token=settings.token, context=contexts.current)
    return _server_of_context(contexts.current, context)


def require_token(server: Server) -> str:
    """
    Return the token for *server*.

    Raises:
        NotSignedInError: If the user is not signed in.
    """
    if server.token is None:
        raise NotSignedInError(f"You are not signed in to {server.url}. Run: pushpaka login")
    return server.token


def find_context(name: str, contexts: Contexts) -> Context:
    """
    Return the context *name*.

    Raises:
        NoMatchError: If there is no such context.
    """
    if context := contexts.by_name.get(name):
        return context
    matches = get_close_matches(name, contexts.by_name, n=1)
    advice = f'Did you mean "{matches[0]}"?' if matches else "Run: pushpaka contexts list"
    raise NoMatchError(f'There is no context "{name}". {advice}')


def _server_of_context(name: str, context: Context) -> Server:
    return Server(url=context.url, token=load_token(name, context), context=name)


def _server_at(url: str, contexts: Contexts) -> Server:
    """Return the server at *url*, with the token of its context if there is one."""
    for name, context in contexts.by_name.items():
        if context.url == url.rstrip("/"):
            return _server_of_context(name, context)
    return Server(url=url, token=None)
