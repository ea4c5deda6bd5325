"""The path prefix of the API."""

BASE_PATH = "/api/v1"
