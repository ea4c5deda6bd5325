"""What the platform starts: by its path, in an interpreter that knows no path to it."""

import sys

# At the end, so that nothing that lies beside this package can hide a standard module.
sys.path.append(__file__.rpartition("/pushpaka_shim/")[0])

from pushpaka_shim.supervision import main

if __name__ == "__main__":
    main()
