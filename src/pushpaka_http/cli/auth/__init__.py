"""Servers, contexts and tokens: which server a command calls, and as which user."""
