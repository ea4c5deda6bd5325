"""A program that crashes leaves no copy of its memory, which holds keys and secrets."""

import resource


def forbid_core_dumps() -> None:
    """Have the kernel write none of this process, nor of those that it starts."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
