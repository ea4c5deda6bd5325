"""What forges say when something is pushed: a module for each of them, all pure."""
