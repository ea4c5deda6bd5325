"""Settings for the Swarm runtime: image registry and placement."""

import re
from pathlib import Path

from attrs import frozen

from pushpaka_core.settings import values
from pushpaka_core.settings.values import setting

_REGISTRY = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9]+([._-][a-z0-9]+)*)*")
_CONSTRAINT = re.compile(r"(node|engine)\.[A-Za-z0-9._-]+ ?[!=]= ?[^\s=]+")


def _registry(text: str) -> str:
    """Parse the URL of an image registry. The default scheme is https."""
    url = text if "://" in text else f"https://{text}"
    if not _REGISTRY.fullmatch(url):
        raise ValueError(
            "must be a registry such as registry.example.com/team or http://10.0.0.5:5000"
        )
    return url


def _constraints(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of Swarm placement constraints."""
    found = values.comma_separated(text)
    if not all(map(_CONSTRAINT.fullmatch, found)):
        raise ValueError(
            "must be comma-separated constraints such as node.role==worker,node.labels.disk!=slow"
        )
    return found


@frozen(kw_only=True, slots=False)
class SwarmSettings:
    """Swarm registry and placement."""

    registry: str | None = setting(
        _registry,
        "Image registry of the Swarm runtime, for example `registry.example.com/team`, or "
        "`http://10.0.0.5:5000` without TLS.",
        default=None,
    )
    registry_user: str | None = setting(
        str, "User name for the registry. Default: anonymous.", default=None
    )
    registry_password: str | None = setting(
        str, "Password for the registry.", default=None, repr=False
    )
    registry_password_file: Path | None = setting(
        values.absolute_path,
        "File with the password for the registry, instead of `PUSHPAKA_REGISTRY_PASSWORD`.",
        default=None,
    )
    placement: tuple[str, ...] = setting(
        _constraints,
        "Comma-separated placement constraints for the nodes that run applications, for example "
        "`node.role==worker,node.labels.apps==yes`. Default: all nodes.",
        default=(),
    )
