"""Numbers of things, in words."""


def counted(number: int, thing: str) -> str:
    """Return how many there are of what *thing* is one of."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
