"""Where an instance is, from the forms in which people give it."""

from urllib.parse import urlsplit

from pushpaka_core.errors import InvalidInputError
from pushpaka_http.base_path import BASE_PATH


def api_address(given: str) -> str:
    """
    Return the address of the API of the instance at *given*, which may be that address itself.

    Raises:
        InvalidInputError: If it is no such address, or one that holds a password.
    """
    try:
        parts = urlsplit(given.strip())
    except ValueError:
        raise _no_address() from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _no_address()
    if parts.username is not None or parts.password is not None:
        raise InvalidInputError({"base_url": "must not hold a name or a password: give a token"})
    if parts.query or parts.fragment:
        raise InvalidInputError({"base_url": "must end before the question mark or the hash"})
    path = parts.path.rstrip("/").removesuffix(BASE_PATH)
    return f"{parts.scheme}://{parts.netloc}{path}{BASE_PATH}"


def _no_address() -> InvalidInputError:
    return InvalidInputError({"base_url": "must be an address, as in https://deploy.example.com"})
