"""In-memory adapters for tests and embedding, with the same contracts as the real ones."""
