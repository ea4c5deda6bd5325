"""Commands for the operator of an instance."""
