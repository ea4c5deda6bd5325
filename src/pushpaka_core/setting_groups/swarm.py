"""Which nodes of a Swarm run applications, and from where they fetch images."""

import re
from pathlib import Path

from attrs import frozen

from pushpaka_core import setting_values
from pushpaka_core.setting_groups.field import setting

_REGISTRY = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9]+([._-][a-z0-9]+)*)*")
_CONSTRAINT = re.compile(r"(node|engine)\.[A-Za-z0-9._-]+ ?[!=]= ?[^\s=]+")


def _registry(text: str) -> str:
    """Read where images are kept, as an address that says how to speak to it."""
    url = text if "://" in text else f"https://{text}"
    if not _REGISTRY.fullmatch(url):
        raise ValueError("must be as in registry.example.com/team or http://10.0.0.5:5000")
    return url


def _constraints(text: str) -> tuple[str, ...]:
    """Read what nodes of a Swarm must be, parted by commas."""
    found = setting_values.names(text)
    if not all(map(_CONSTRAINT.fullmatch, found)):
        raise ValueError("must be as in node.role==worker,node.labels.disk!=slow")
    return found


@frozen(kw_only=True, slots=False)
class SwarmSettings:
    """What the runtime `swarm` needs beside an engine."""

    registry: str | None = setting(
        _registry,
        "where the runtime `swarm` keeps images, as in `registry.example.com/team`, or "
        "`http://10.0.0.5:5000` where it has no TLS",
        default=None,
    )
    registry_user: str | None = setting(
        str, "who pushes and fetches images there; nobody in particular by default", default=None
    )
    registry_password: str | None = setting(
        str, "the password of that user", default=None, repr=False
    )
    registry_password_file: Path | None = setting(
        setting_values.absolute, "a file with that password, in its place", default=None
    )
    placement: tuple[str, ...] = setting(
        _constraints,
        "which nodes of a Swarm run applications, as in `node.role==worker,node.labels.apps==yes`; "
        "all by default",
        default=(),
    )
