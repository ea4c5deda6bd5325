"""Projects, environment variables, deploy keys and archives."""
