"""``python -m mljob_codemod``: the command under another name, for when it is not on the PATH."""

import sys

from mljob_codemod.cli import main

if __name__ == "__main__":
    sys.exit(main())
