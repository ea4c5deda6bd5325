"""How the platform speaks to the programs of its router."""

import ssl

import httpx

_ANSWER_TIMEOUT = 1.0


def loopback_client(address: str) -> httpx.AsyncClient:
    """Return a client whose paths are those of *address*; whoever asks closes it."""
    return httpx.AsyncClient(
        base_url=f"http://{address}",
        timeout=_ANSWER_TIMEOUT,
        trust_env=False,
        # Loopback without TLS: an empty context saves reading all the authorities of the host.
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    )
