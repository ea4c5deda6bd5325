"""The dashboard, which consists of static files that use only the HTTP API."""
