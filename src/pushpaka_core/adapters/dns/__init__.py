"""DNS lookups."""
