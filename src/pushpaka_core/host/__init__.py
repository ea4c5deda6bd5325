"""Files, processes and control groups of the Linux host, shared by adapters and programs."""
