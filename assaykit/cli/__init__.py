"""The command line: the only place that prints, exits or makes a pool."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; whatever ends it has its exit code and its sentence in `exits`."""
    # Many small matrices in several processes: threads inside each would only fight over the cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from assaykit.cli.exits import StopRequest, end_of, stop_on_signals

    try:
        with stop_on_signals():
            from assaykit.cli.app import app

            app()
    except (Exception, KeyboardInterrupt, StopRequest) as error:  # noqa: BLE001 - the border of the program, and its only one
        code, sentence = end_of(error)
        sys.stderr.write(f"{sentence}\n")
        raise SystemExit(code) from None
