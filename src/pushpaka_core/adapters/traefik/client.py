"""The HTTP client for Traefik and Caddy."""

import ssl

import httpx

_RESPONSE_TIMEOUT = 1.0


def http_client(url: str) -> httpx.AsyncClient:
    """Return a client with the base URL *url*. The caller closes it."""
    return httpx.AsyncClient(
        base_url=url,
        timeout=_RESPONSE_TIMEOUT,
        trust_env=False,
        # TLS is not used; an empty context avoids loading the CA certificates of the host.
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    )
