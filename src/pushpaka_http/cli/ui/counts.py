"""Formats counts, sizes, durations and the contents of an export as text."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pushpaka_core.adapters.sql.transfer.export_files import ExportHeader

_COUNTED_KINDS = ("user", "project", "deployment")


def pluralized(number: int, noun: str) -> str:
    """Return *number* and *noun*. The noun is in the plural unless *number* is 1."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"


def format_size(size: float) -> str:
    """Return *size*, a number of bytes, with a decimal unit."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def format_duration(milliseconds: int) -> str:
    """Return a duration in minutes and seconds, or in tenths of a second below a minute."""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    return f"{minutes} min {seconds} s" if minutes else f"{milliseconds / 1000:.1f} s"


def export_summary(header: "ExportHeader") -> str:
    """Return a text with the number of users, projects and deployments in an export."""
    users, projects, deployments = (
        pluralized(header.rows[f"{row}s"], row) for row in _COUNTED_KINDS
    )
    return f"{users}, {projects} and {deployments}"


def required_keys_message(header: "ExportHeader") -> str:
    """Return a message that lists the encryption keys that an import needs."""
    if not header.key_ids:
        return "The export contains no secrets, so the import needs no keys."
    return (
        f"The export does not include the keys of its secrets: {', '.join(header.key_ids)}. For "
        "the import, provide the PUSHPAKA_ENCRYPTION_KEYS of this instance, or keys.json from its "
        "data directory."
    )
