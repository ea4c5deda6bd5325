"""Entry point. The platform runs this file by its path, without site packages."""

import sys

# Appended, not prepended, so that no file next to this package shadows a standard module.
sys.path.append(__file__.rpartition("/pushpaka_shim/")[0])

from pushpaka_shim.supervisor import main

if __name__ == "__main__":
    main()
