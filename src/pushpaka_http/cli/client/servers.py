"""Which server a command asks, and by which token."""

from difflib import get_close_matches

from attrs import field, frozen

from pushpaka_http.cli.client.client_settings import ClientSettings
from pushpaka_http.cli.client.context_file import Context, ContextFile, Contexts
from pushpaka_http.cli.client.failures import NoSuchThingError, NotSignedInError
from pushpaka_http.cli.client.token_keeping import token_of


@frozen(kw_only=True)
class Server:
    """Who is asked."""

    url: str
    token: str | None = field(repr=False)
    """None where nobody is signed in."""
    context: str | None = None
    """By which name it is known, if by any."""


def chosen_server(named: str | None, settings: ClientSettings) -> Server:
    """
    Return the server of the context *named*, else that of the environment, else the current one.

    Raises:
        NoSuchThingError: If there is no such context.
        NotSignedInError: If there is none at all, or its keyring does not give its token.
        ContextFileError: If the contexts cannot be read.
    """
    if named is None and settings.url and settings.token:
        return Server(url=settings.url, token=settings.token)
    contexts = ContextFile(settings.config_directory).load()
    if named is not None:
        return _known(named, context_of(named, contexts))
    if settings.url:
        return _at(settings.url, contexts)
    if contexts.current is None:
        raise NotSignedInError("No server is chosen yet. Run: pushpaka login URL")
    context = contexts.by_name[contexts.current]
    if settings.token:
        return Server(url=context.url, token=settings.token, context=contexts.current)
    return _known(contexts.current, context)


def signed_in(server: Server) -> str:
    """
    Return the token for *server*.

    Raises:
        NotSignedInError: If there is none.
    """
    if server.token is None:
        raise NotSignedInError(f"Nobody is signed in at {server.url}. Run: pushpaka login")
    return server.token


def context_of(name: str, contexts: Contexts) -> Context:
    """
    Return the context of that name.

    Raises:
        NoSuchThingError: If there is none.
    """
    if context := contexts.by_name.get(name):
        return context
    near = get_close_matches(name, contexts.by_name, n=1)
    hint = f' Did you mean "{near[0]}"?' if near else " List them by: pushpaka contexts list"
    raise NoSuchThingError(f'There is no context "{name}".{hint}')


def _known(name: str, context: Context) -> Server:
    return Server(url=context.url, token=token_of(name, context), context=name)


def _at(url: str, contexts: Contexts) -> Server:
    """Return the server at *url*, with the token of the context that it is known by."""
    for name, context in contexts.by_name.items():
        if context.url == url.rstrip("/"):
            return _known(name, context)
    return Server(url=url, token=None)
