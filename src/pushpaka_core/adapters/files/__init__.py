"""Plain files and directories of this host."""
