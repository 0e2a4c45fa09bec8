"""The command line: the only place that prints, exits or makes a pool."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; a known error is printed as text, an unforeseen one keeps its traceback."""
    # Many small matrices in several processes: threads inside each would only fight over the cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from assaykit.cli.app import app
    from assaykit.errors import AssaykitError

    try:
        app()
    except AssaykitError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        sys.stderr.write("Stopped; nothing was written.\n")
        raise SystemExit(130) from None
