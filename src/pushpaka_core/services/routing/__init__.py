"""The route table, custom domains and their certificates."""
