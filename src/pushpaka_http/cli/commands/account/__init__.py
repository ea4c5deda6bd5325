"""Commands for the user's account and servers."""
