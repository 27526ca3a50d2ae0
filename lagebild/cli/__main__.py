"""The program `lagebild`."""

import os
import sys

from lagebild.local.warm import run


def main() -> None:
    """The program `lagebild`; exits with the command's exit code. `cli` is imported only if it is needed."""
    os.umask(0o077)  # files (deliveries, logs, packages) are private to this user
    arguments = sys.argv[1:]
    code = run(arguments)
    if code is None:
        from lagebild.cli import main as cli

        code = cli.run(arguments)
    sys.exit(code)


if __name__ == "__main__":
    main()
