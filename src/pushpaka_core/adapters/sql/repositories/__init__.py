"""The repositories of the storage, one module per kind of row."""
