"""How the platform speaks to the programs of its router."""

import ssl

import httpx

_ANSWER_TIMEOUT = 1.0


def plain_client(url: str) -> httpx.AsyncClient:
    """Return a client whose paths are those of *url*; whoever asks closes it."""
    return httpx.AsyncClient(
        base_url=url,
        timeout=_ANSWER_TIMEOUT,
        trust_env=False,
        # There is no TLS: an empty context saves reading all the authorities of the host.
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    )
