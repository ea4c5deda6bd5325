"""Messages to people by the library Apprise."""
