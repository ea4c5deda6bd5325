"""Contract tests of the storage, one module per kind of row."""
