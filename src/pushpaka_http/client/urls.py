"""Normalizes server URLs."""

from urllib.parse import urlsplit

from pushpaka_core.errors import InvalidInputError
from pushpaka_http.base_path import BASE_PATH


def api_url(url: str) -> str:
    """
    Return the base URL of the API for the server URL *url*, with or without `/api/v1`.

    Raises:
        InvalidInputError: If *url* is not an HTTP or HTTPS URL, or has credentials, a query or a
            fragment.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        raise _invalid_url() from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _invalid_url()
    if parts.username is not None or parts.password is not None:
        raise InvalidInputError({"base_url": "must not have a user name or password; use a token"})
    if parts.query or parts.fragment:
        raise InvalidInputError({"base_url": "must not have a query or a fragment"})
    path = parts.path.rstrip("/").removesuffix(BASE_PATH)
    return f"{parts.scheme}://{parts.netloc}{path}{BASE_PATH}"


def _invalid_url() -> InvalidInputError:
    return InvalidInputError(
        {"base_url": "must be an HTTP or HTTPS URL, for example https://deploy.example.com"}
    )
