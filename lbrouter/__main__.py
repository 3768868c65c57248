"""`python -m lbrouter`."""

import sys

from lbrouter.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
