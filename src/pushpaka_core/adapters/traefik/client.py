"""How the platform speaks to Traefik's internal entry point."""

import ssl

import httpx

from pushpaka_core.adapters.traefik.configuration import EntryPoints

_ANSWER_TIMEOUT = 1.0


def internal_client(entry_points: EntryPoints) -> httpx.AsyncClient:
    """Return a client whose paths are those of the internal entry point; whoever asks closes it."""
    return httpx.AsyncClient(
        base_url=f"http://{entry_points.internal_address}",
        timeout=_ANSWER_TIMEOUT,
        trust_env=False,
        # Loopback without TLS: an empty context saves reading all the authorities of the host.
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    )
