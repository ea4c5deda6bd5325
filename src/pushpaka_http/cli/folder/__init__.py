"""The current folder of a command: its Git state, its files and its project."""
