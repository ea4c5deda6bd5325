"""The configuration of the gate, and the headers with which Traefik describes a held request."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

SERVICE_HEADER = "X-Pushpaka-Hold-Service"
"""
The request header with the name of the Traefik service that the request is for.

The gate forwards the request as soon as the route table contains this service.
"""
DEADLINE_HEADER = "X-Pushpaka-Hold-Until"
"""The request header with the end of the hold, in seconds since 1970."""


def hold_headers(service: str, deadline: datetime) -> Mapping[str, str]:
    """
    Return the request headers that tell the gate how long to wait for *service*.

    They replace headers of the same names that a visitor sends.
    """
    return {SERVICE_HEADER: service, DEADLINE_HEADER: f"{deadline.timestamp():.3f}"}


def gate_configuration(
    *, host: str, port: int, error_page_address: str, routes_file: Path, build_id: str
) -> str:
    """
    Return the configuration of the gate.

    Args:
        host: The address to listen on.
        port: The port to listen on.
        error_page_address: The error page server, which answers requests that were held too long.
        routes_file: The dynamic configuration of Traefik.
        build_id: An id of the program. The gate is restarted when it changes.
    """
    return json.dumps(
        {
            "build_id": build_id,
            "host": host,
            "port": port,
            "error_page_address": error_page_address,
            "routes_file": str(routes_file),
        }
    )
