"""The README's main job on sample_data: wall time, first sign of life, and the share spent importing.

    python benchmarks/main_job.py [--repeats 5]

Writes benchmarks/results/main_job.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
STUDY = ROOT / "sample_data" / "cml_niche" / "study.toml"
IMPORTS = "import assaykit.cli.app, assaykit.study, assaykit.pipeline, assaykit.report, assaykit.figures, seaborn"


def main_job(*options: str) -> tuple[float, float]:
    """Return the wall time of one run and the time to its first output, in seconds."""
    out = Path(tempfile.mkdtemp()) / "results"
    start = time.perf_counter()
    command = [sys.executable, "-m", "assaykit", "run", str(STUDY), "-o", str(out), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        first = time.perf_counter() - start
        process.stdout.read()
    wall = time.perf_counter() - start
    shutil.rmtree(out.parent)
    assert process.returncode == 0, "the sample must run clean"
    return wall, first


def imports() -> float:
    """Return the wall time of importing all that the main job imports."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
    return time.perf_counter() - start


def row(name: str, seconds: list[float]) -> str:
    return f"| {name} | {min(seconds):.1f} | {statistics.median(seconds):.1f} | {max(seconds):.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    full = [main_job() for _ in range(repeats)]
    tables = [main_job("--no-report") for _ in range(repeats)]
    loading = [imports() for _ in range(repeats)]
    share = statistics.median(loading) / statistics.median(wall for wall, _ in full)
    lines = [
        "# The main job on sample_data",
        "",
        f"`python benchmarks/main_job.py --repeats {repeats}`, {os.cpu_count()} cores, 620 FCS files, seconds:",
        "",
        "| | min | median | max |",
        "| --- | --- | --- | --- |",
        row("`assaykit run`, with figures and report", [wall for wall, _ in full]),
        row("`assaykit run --no-report`", [wall for wall, _ in tables]),
        row("first sign of life", [first for _, first in full]),
        row("importing all of it", loading),
        "",
        f"Import share of the main job: {share:.0%}.",
    ]
    target = ROOT / "benchmarks" / "results" / "main_job.md"
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(target.read_text())


if __name__ == "__main__":
    main()
