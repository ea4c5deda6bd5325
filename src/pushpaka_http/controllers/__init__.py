"""The routes of the API, one controller per resource."""
