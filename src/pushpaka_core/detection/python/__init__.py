"""Python detection: the dependencies, the application object or script, and its server."""
