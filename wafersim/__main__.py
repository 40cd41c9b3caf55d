"""`python -m wafersim`: the command line. Exit codes: 0 good, 2 the user's input, 1 ours."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; a user's error is printed as one line per fault, never as a traceback."""
    from wafersim.cli import commands
    from wafersim.errors import WafersimError

    try:
        commands(prog_name="wafersim")
    except WafersimError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # the reader (head, less) has seen enough
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    main()
