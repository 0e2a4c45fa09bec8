"""Time the FCS reader against its peers on the same files in the same run, and write the table.

    python benchmarks/read_fcs.py            # prints, and writes benchmarks/results/read_fcs.md

Every time is the best of several rounds in which all read in turn a file already in the page cache. Each peer is asked
for an array of events x channels of stored values; peers that cannot choose channels read them all and then take the
columns; "flowio scaled" is flowio's default call. "bare" is `np.fromfile` and a copy of the wanted columns, for 24-bit
integers with the bytes joined by shifts.
"""

from __future__ import annotations

import importlib.metadata
import platform
import statistics
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from assaykit.fcs import read_fcs, read_fcs_header

RESULTS = Path(__file__).parent / "results" / "read_fcs.md"
SECONDS_EACH = 3.0
FOUR = [2, 7, 11, 12]
PEERS = ("bare", "flowio", "flowio scaled", "FlowCal", "fcsparser")


def write_file(path: Path, events: int, channels: int, kind: str, bits: int, *, big: bool) -> int:
    """Write a plain FCS 3.0 file of made-up events and return the byte where DATA begins."""
    dice = np.random.default_rng(1)
    order = ">" if big else "<"
    if kind == "F":
        data = np.abs(dice.normal(20000, 8000, (events, channels))).astype(f"{order}f4").tobytes()
    else:
        top = 1024 if bits == 16 else 1 << 18
        numbers = dice.integers(0, top, (events, channels), dtype=np.uint32)
        parts = numbers.astype(f"{order}u4").view(np.uint8).reshape(events, channels, 4)
        keep = slice(4 - bits // 8, 4) if big else slice(0, bits // 8)
        data = np.ascontiguousarray(parts[..., keep]).tobytes()
    top = {"F": 262144}.get(kind, 1024 if bits == 16 else 1 << 18)
    begin = 8192
    words = {
        "$BEGINANALYSIS": 0, "$ENDANALYSIS": 0, "$BEGINSTEXT": 0, "$ENDSTEXT": 0, "$BEGINDATA": begin,
        "$ENDDATA": begin + len(data) - 1, "$BYTEORD": "4,3,2,1" if big else "1,2,3,4", "$DATATYPE": kind, "$MODE": "L",
        "$NEXTDATA": 0, "$PAR": channels, "$TOT": events,
    }  # fmt: skip
    for n in range(1, channels + 1):
        words |= {f"$P{n}N": f"C{n}", f"$P{n}B": bits, f"$P{n}R": top, f"$P{n}E": "0,0", f"$P{n}G": "1.0"}
    text = ("|" + "|".join(str(part) for pair in words.items() for part in pair) + "|").encode()
    last = begin + len(data) - 1
    offsets = (58, 57 + len(text), begin, last, 0, 0) if last <= 99_999_999 else (58, 57 + len(text), 0, 0, 0, 0)
    head = b"FCS3.0    " + b"".join(b"%8d" % number for number in offsets) + text
    path.write_bytes(head.ljust(begin) + data)
    return begin


def bare(path: Path, begin: int, channels: int, kind: str, bits: int, *, big: bool, wanted: list[int]) -> np.ndarray:
    """Return the wanted columns as np.fromfile and one copy give them."""
    order = ">" if big else "<"
    if bits == 24:
        raw = np.fromfile(path, np.uint8, offset=begin).reshape(-1, channels, 3)
        raw = raw[:, wanted] if len(wanted) < channels else raw
        low, mid, high = (raw[..., 2], raw[..., 1], raw[..., 0]) if big else (raw[..., 0], raw[..., 1], raw[..., 2])
        return (low.astype(np.uint32) | (mid.astype(np.uint32) << 8) | (high.astype(np.uint32) << 16)).astype(
            np.float32
        )
    dtype = f"{order}{'f4' if kind == 'F' else 'u2'}"
    table = np.fromfile(path, dtype, offset=begin).reshape(-1, channels)
    return table[:, wanted].astype(np.float32) if len(wanted) < channels else table.astype(np.float32)


def peer(name: str, path: Path, wanted: list[int]) -> np.ndarray:
    """Return the wanted columns as a peer reads them."""
    if name.startswith("flowio"):
        import flowio

        values = flowio.FlowData(str(path)).as_array(preprocess=name == "flowio scaled")
    elif name == "FlowCal":
        import FlowCal

        values = np.asarray(FlowCal.io.FCSData(str(path)))
    else:
        import fcsparser

        values = fcsparser.parse(str(path))[1].to_numpy()
    return values if len(wanted) == values.shape[1] else values[:, wanted]


def race(readers: dict[str, Callable[[], np.ndarray]]) -> dict[str, float | str]:
    """Return the least seconds of each reader over rounds in which all read in turn, or the name of its error.

    In turn, so that each meets the same machine; the arrays are kept while a round lasts, as a program that uses them
    would, so that none writes into memory just freed and still mapped. All must give the same values.
    """
    least: dict[str, float | str] = dict.fromkeys(readers, float("inf"))
    spent = dict.fromkeys(readers, 0.0)
    ours = readers["assaykit"]()
    for turn in range(100):
        kept = []
        for name, read in readers.items():
            if isinstance(least[name], str) or (turn >= 3 and spent[name] > SECONDS_EACH):
                continue
            try:
                start = time.perf_counter()
                kept.append(read())
                seconds = time.perf_counter() - start
            except (AttributeError, ValueError, NotImplementedError, TypeError) as error:
                least[name] = type(error).__name__
                continue
            least[name], spent[name] = min(least[name], seconds), spent[name] + seconds
            assert turn or np.array_equal(kept[-1], ours), f"{name} reads other values"
    return least


def measure(folder: Path) -> list[str]:
    """Return the lines of the table."""
    shapes = [
        ("1,000,000 x 20 float32", 1_000_000, 20, "F", 32, False),
        ("1,000,000 x 20 float32, big endian", 1_000_000, 20, "F", 32, True),
        ("50,000 x 13 float32", 50_000, 13, "F", 32, False),
        ("50,000 x 13 float32, big endian", 50_000, 13, "F", 32, True),
        ("200,000 x 20 int16", 200_000, 20, "I", 16, False),
        ("200,000 x 20 int16, big endian", 200_000, 20, "I", 16, True),
        ("200,000 x 20 int24, big endian", 200_000, 20, "I", 24, True),
    ]
    lines = [
        "| file | columns | assaykit | bare | flowio | flowio scaled | FlowCal | fcsparser | peak MB over columns |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for label, events, channels, kind, bits, big in shapes:
        path = folder / "bench.fcs"
        begin = write_file(path, events, channels, kind, bits, big=big)
        for wanted in (list(range(channels)), FOUR):
            names = None if len(wanted) == channels else [f"C{n + 1}" for n in wanted]
            readers = {"assaykit": partial(stored, path, names)}
            readers["bare"] = partial(bare, path, begin, channels, kind, bits, big=big, wanted=wanted)
            readers |= {name: partial(peer, name, path, wanted) for name in PEERS[1:]}
            times = race(readers)
            cells = [label, "all" if names is None else "4", f"{1e3 * times['assaykit']:.1f}"]
            cells += [cell(times[name], times["assaykit"]) for name in PEERS]
            lines.append("| " + " | ".join([*cells, f"{extra_memory(path, names):.1f}"]) + " |")
            print(lines[-1], flush=True)
        path.unlink()
    return lines


def stored(path: Path, names: list[str] | None) -> np.ndarray:
    """Return the stored values as assaykit reads them."""
    return read_fcs(path, names, scale=False).values


def cell(theirs: float | str, ours: float) -> str:
    """Return a peer's time and how many times ours it is, or why there is none."""
    return f"cannot ({theirs})" if isinstance(theirs, str) else f"{1e3 * theirs:.1f} ({theirs / ours:.1f}x)"


def extra_memory(path: Path, names: list[str] | None) -> float:
    """Return the MB a read takes at its peak above the columns it returns."""
    tracemalloc.start()
    events = read_fcs(path, names, scale=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (peak - events.values.nbytes) / 1e6


def header_times(folder: Path) -> list[str]:
    """Return the lines on reading a header of a small and of a large file."""
    lines = []
    for events in (1_000, 1_000_000):
        path = folder / "header.fcs"
        write_file(path, events, 20, "F", 32, big=False)
        times = []
        for _ in range(200):
            begun = time.perf_counter()
            read_fcs_header(path)
            times.append(time.perf_counter() - begun)
        lines.append(f"- header of {path.stat().st_size / 1e6:.1f} MB: median {1e3 * statistics.median(times):.2f} ms")
        path.unlink()
    return lines


def main() -> int:
    """Measure, print and write."""
    warnings.simplefilter("ignore")
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        lines = [*measure(Path(name)), "", *header_times(Path(name))]
    versions = ", ".join(
        f"{peer} {importlib.metadata.version(peer)}" for peer in ("numpy", "flowio", "FlowCal", "fcsparser")
    )
    head = [
        "# Reading FCS files", "",
        f"`python benchmarks/read_fcs.py` on {platform.machine()}, Python {platform.python_version()}, {versions}.",
        "Best of several rounds in which all read in turn from the page cache, in milliseconds; in brackets how many",
        "times assaykit's time a peer takes. FlowCal gives big-endian floats as they lie in the file, not turned.", "",
    ]  # fmt: skip
    RESULTS.write_text("\n".join([*head, *lines]) + "\n")
    print("\n".join(lines[-2:]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
