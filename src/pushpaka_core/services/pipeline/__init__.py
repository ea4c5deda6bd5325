"""Takes a claimed deployment from its source code to live traffic."""
