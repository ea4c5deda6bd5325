"""The gate: a program that holds requests while the only writer of an application is replaced."""
