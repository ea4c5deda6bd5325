"""How much source a deployment may have, wherever it comes from."""

from attrs import frozen


@frozen(kw_only=True)
class SourceLimits:
    """How large a repository may be, or what comes out of an archive."""

    files: int = 50_000
    total_bytes: int = 1 << 30
    """Of its files together; no pack that is transferred may be larger either."""
    depth: int = 200
    """How many directories one may have above it."""
