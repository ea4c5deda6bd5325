"""Projects, their repositories, environment variables, deploy keys and archives."""
