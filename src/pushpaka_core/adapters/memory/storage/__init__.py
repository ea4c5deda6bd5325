"""In-memory storage, with one module of repository classes per feature."""
