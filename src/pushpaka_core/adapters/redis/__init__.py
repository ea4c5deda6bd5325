"""Redis between the processes of one instance; without it each of them looks for itself."""
