"""What an export has, in words."""

from typing import TYPE_CHECKING

from pushpaka_http.cli.numbers import counted

if TYPE_CHECKING:
    from pushpaka_core.adapters.sql.export_files import Contents

_TOLD = ("user", "project", "deployment")


def in_words(contents: "Contents") -> str:
    """Return how much it is of what people know of."""
    users, projects, deployments = (counted(contents.rows[f"{row}s"], row) for row in _TOLD)
    return f"{users}, {projects} and {deployments}"


def keys_in_words(contents: "Contents") -> str:
    """Return which keys are needed beside the file."""
    if not contents.key_ids:
        return "There are no secrets in it, so that it needs no keys."
    return (
        f"Its secrets are encrypted with keys that are not in it: {', '.join(contents.key_ids)}. "
        "Who imports it needs the PUSHPAKA_ENCRYPTION_KEYS of this instance, or keys.json from "
        "its data directory."
    )
