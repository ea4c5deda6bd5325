"""Where the API is, below the address of its server."""

BASE_PATH = "/api/v1"
