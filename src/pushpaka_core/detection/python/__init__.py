"""Python: what it depends on, what answers requests in it, and which server runs that."""
