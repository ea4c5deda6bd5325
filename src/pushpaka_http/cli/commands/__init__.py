"""The commands: one package per section of the help, and what they share."""
