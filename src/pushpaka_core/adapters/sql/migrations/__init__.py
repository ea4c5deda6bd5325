"""The migrations of the schema, in their order; each is kept as it was when it was released."""
