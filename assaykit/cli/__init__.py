"""The command line: the only place that prints, exits or makes a pool."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; whatever ends it has its exit code and its sentence in `exits`."""
    # Many small matrices in several processes: threads inside each would only fight over the cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from assaykit.cli.exits import Stopped, ended_by, stopped_by_signals

    try:
        with stopped_by_signals():
            from assaykit.cli.app import app

            app()
    except (Exception, KeyboardInterrupt, Stopped) as error:  # noqa: BLE001 - the border of the program, and its only one
        code, sentence = ended_by(error)
        sys.stderr.write(f"{sentence}\n")
        raise SystemExit(code) from None
