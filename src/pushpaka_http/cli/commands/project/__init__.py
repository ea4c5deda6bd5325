"""Commands that manage a project."""
