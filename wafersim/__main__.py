"""`python -m wafersim`: the command line. Exit codes: 0 good, 2 the user's input, 130 interrupted, 1 ours."""

from __future__ import annotations

import errno
import os
import sys

# Writing fails with these where the disk is full, over its quota or over a limit, or the device is broken.
CANNOT_HOLD = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def main() -> None:
    """Run the command line; a user's error is printed as one line per fault, never as a traceback."""
    if sys.stdout is None:  # closed by whoever started us
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123
    sys.exit(_run())


def _run() -> int:
    from wafersim.cli import run_command_line
    from wafersim.errors import WafersimError

    try:
        try:
            return run_command_line()
        finally:
            sys.stdout.flush()  # here, where a full disk can still be said in a line
    except WafersimError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader (head, less) has seen enough
        _write_no_more()
        return 0
    except OSError as error:
        # A file that cannot be opened has a name and is said where it is opened; this is a write.
        if error.errno not in CANNOT_HOLD:
            raise
        _write_no_more()
        print(f"the output cannot be written ({error.strerror})", file=sys.stderr)
        return 2


def _write_no_more() -> None:
    """What is still in the buffer goes nowhere, or the interpreter would try again on its way out and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
