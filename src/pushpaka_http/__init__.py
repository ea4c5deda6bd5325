"""The HTTP API, the dashboard and the command line."""
