"""What runs on this host, as `ps` would show it."""

import psutil


def commands() -> list[str]:
    """Return the command lines of all processes."""
    processes = psutil.process_iter(["cmdline"])
    return [" ".join(process.info["cmdline"] or ()) for process in processes]


def commands_with(mark: str) -> list[str]:
    """Return the command lines in which *mark* is."""
    return [command for command in commands() if mark in command]
