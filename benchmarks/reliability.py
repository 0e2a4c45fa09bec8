"""Plant one fault after another in one well of a study, and hold the run against a clean one.

    python benchmarks/reliability.py [--only NAME ...] [--write]

The study is the CXCR4 assay of sample_data, three experiments. For every fault: is the run finished (lost), are the
readouts of every other well the same to the byte (wrong), is any value of
another arm judged otherwise (touched), does a finding name the well (unclear), is there a traceback?
A fault that changes no number (a date, a label) must be named all the same. Control wells and plates may change others'
numbers: then the finding must be a failure.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from assaykit import read_fcs, read_study, run, write_fcs
from assaykit.errors import AssaykitError
from assaykit.fcs.events import Events

SAMPLE = Path(__file__).parent.parent / "sample_data" / "cml_niche"
PLATES = ("cxcr4_E1", "cxcr4_E2", "cxcr4_E3")
CXCR4 = "PE-A"
Plant = Callable[[Path], None]


def bytes_of(change: Callable[[bytes], bytes]) -> Plant:
    """Return a fault that changes the bytes of a file."""
    return lambda path: path.write_bytes(change(path.read_bytes())) and None


def events_of(change: Callable[[Events], Events]) -> Plant:
    """Return a fault that changes the events of a file, which is then written anew."""

    def plant(path: Path) -> None:
        write_fcs(change(read_fcs(path)), path)

    return plant


def filled(value: float, *, channel: str = CXCR4, share: float = 1.0) -> Plant:
    """Return a fault that fills a channel (every one for "") with a value, in a share of the events."""

    def change(events: Events) -> Events:
        values = np.array(events.values)
        columns = [i for i, name in enumerate(events.names) if name == channel or (not channel and name != "Time")]
        values[np.ix_(np.arange(len(values)) < share * len(values), columns)] = value
        return replace(events, values=values)

    return events_of(change)


def time_as(change: Callable[[np.ndarray], np.ndarray]) -> Plant:
    """Return a fault of the Time channel."""

    def of(events: Events) -> Events:
        values = np.array(events.values)
        at = list(events.names).index("Time")
        values[:, at] = change(values[:, at].astype(float))
        return replace(events, values=values)

    return events_of(of)


def channels_as(change: Callable[[list], list]) -> Plant:
    """Return a fault of the channels' names and labels."""
    return events_of(lambda events: replace(events, channels=tuple(change(list(events.channels)))))


def renamed(old: str, new: str) -> Plant:
    """Return a fault that renames a channel."""
    return channels_as(lambda channels: [replace(c, name=new) if c.name == old else c for c in channels])


def keyword_as(key: str, value: str) -> Plant:
    """Return a fault that gives a keyword another value of any length, in place."""

    def change(data: bytes) -> bytes:
        begin, end = int(data[10:18]), int(data[18:26])
        text = data[begin : end + 1]
        sign = text[:1]
        words = text.split(sign)
        at = words.index(key.encode())
        spare = len(words[at + 1]) - len(value)
        words[at + 1] = value.encode() + b" " * max(spare, 0)
        new = sign.join(words)[: len(text)]
        return data[:begin] + new + data[begin + len(new) :] if len(new) == len(text) else data

    return bytes_of(change)


def keyword_added(**keywords: str) -> Plant:
    """Return a fault that writes keywords, "$" put before their names."""
    return events_of(
        lambda events: replace(events, keywords={**events.keywords, **{f"${k}": v for k, v in keywords.items()}})
    )


def other_file(make: Callable[[Path], None]) -> Plant:
    """Return a fault that puts something else in the file's place."""

    def plant(path: Path) -> None:
        path.unlink()
        make(path)

    return plant


def first_of(count: int) -> Plant:
    """Return a fault that keeps the first events only."""
    return events_of(lambda events: replace(events, values=np.array(events.values)[:count]))


def swapped_labels(channels: list) -> list:
    """Return channels whose first two stains changed places."""
    stained = [i for i, c in enumerate(channels) if c.stain][:2]
    one, other = (channels[i].stain for i in stained)
    names = dict(zip(stained, (other, one), strict=True))
    return [replace(c, stain=names[i]) if i in names else c for i, c in enumerate(channels)]


def sparse(path: Path) -> None:
    """Make a file of 2 GB that holds nothing."""
    with path.open("wb") as file:
        file.truncate(2 << 30)


def dimmed(events: Events, factor: float) -> Events:
    """Return events whose CXCR4 is multiplied."""
    values = np.array(events.values)
    values[:, list(events.names).index(CXCR4)] *= factor
    return replace(events, values=values)


def volts(events: Events, value: float) -> Events:
    """Return events whose CXCR4 detector bears another voltage."""
    return replace(events, channels=tuple(replace(c, voltage=value) if c.name == CXCR4 else c for c in events.channels))


FAULTS: dict[str, Plant] = {
    "empty_file": bytes_of(lambda _: b""),
    **{
        f"truncated_at_{size}": bytes_of(lambda data, size=size: data[:size])
        for size in (5, 30, 57, 58, 300, 903, 906, 2000, 7000, 10000)
    },
    "wrong_magic": bytes_of(lambda data: b"XYZ" + data[3:]),
    "text_as_fcs": bytes_of(lambda _: b"well,events\nA1,20\n"),
    "html_as_fcs": bytes_of(lambda _: b"<!DOCTYPE html><html><body>404</body></html>"),
    "gzip_as_fcs": bytes_of(gzip.compress),
    "missing_file": lambda path: path.unlink(),
    "directory_named_fcs": other_file(lambda path: path.mkdir()),
    "fifo_named_fcs": other_file(os.mkfifo),
    "device_named_fcs_null": other_file(lambda path: path.symlink_to("/dev/null")),
    "device_named_fcs_zero": other_file(lambda path: path.symlink_to("/dev/zero")),
    "dangling_symlink": other_file(lambda path: path.symlink_to("nowhere.fcs")),
    "symlink_loop": other_file(lambda path: path.symlink_to(path.name)),
    "sparse_2GB": other_file(sparse),
    "zero_events": first_of(0),
    "one_event": first_of(1),
    "ten_events": first_of(10),
    "channel_renamed_PE_to_PEH": renamed("PE-A", "PE-H"),
    "channel_renamed_lower": renamed("PE-A", "pe-a"),
    "channel_renamed_space": renamed("PE-A", " PE-A "),
    "channel_missing_zeroed_name": renamed("PE-A", "P4"),
    "duplicate_channel_names": renamed("BV421-A", "PE-A"),
    "channel_missing": events_of(
        lambda e: replace(
            e,
            channels=tuple(c for c in e.channels if c.name != CXCR4),
            values=np.delete(np.array(e.values), list(e.names).index(CXCR4), axis=1),
        )
    ),
    "channels_reordered": events_of(
        lambda e: replace(e, channels=e.channels[::-1], values=np.array(e.values)[:, ::-1].copy())
    ),
    "stain_label_swapped": channels_as(swapped_labels),
    **{
        f"{word}_{name}": filled(value, channel=channel, share=share)
        for name, value in (("nan", np.nan), ("inf", np.inf), ("ninf", -np.inf), ("e9", 1e9), ("e38", 3e38))
        for word, channel, share in (("all_cxcr4", CXCR4, 1), ("some_cxcr4", CXCR4, 0.1), ("all_channels", "", 1))
    },
    "all_neg_cxcr4": filled(-500.0),
    "some_neg_cxcr4": filled(-500.0, share=0.1),
    "all_channels_neg": filled(-500.0, channel=""),
    "some_nan_scatter": filled(np.nan, channel="FSC-A", share=0.1),
    "all_nan_time": filled(np.nan, channel="Time"),
    "all_zero": filled(0.0, channel=""),
    "voltage_change": events_of(lambda e: volts(dimmed(e, 4.0), 999.0)),
    "voltage_text_only": events_of(lambda e: volts(e, 999.0)),
    "gain_text_change": keyword_as("$P4G", "4"),
    "time_backwards": time_as(lambda t: t[::-1].copy()),
    "time_jump_back": time_as(lambda t: np.where(np.arange(t.size) < t.size / 2, t, t - t[t.size // 2])),
    "time_constant": time_as(lambda t: np.full_like(t, 7.0)),
    "clog_half_zero": time_as(lambda t: np.where(np.arange(t.size) < t.size / 2, t, t + 10 * t.max())),
    "wellid_says_C5": keyword_added(WELLID="C5"),
    "plateid_other": keyword_added(PLATEID="another plate"),
    "date_other_year": keyword_added(DATE="01-JAN-1999"),
    "other_cytometer": keyword_added(CYT="Another Cytometer"),
    "tot_too_large": keyword_as("$TOT", "9999"),
    "tot_too_small": keyword_as("$TOT", "10"),
    "par_negative": keyword_as("$PAR", "-1"),
    "mode_histogram": keyword_as("$MODE", "C"),
    "byteorder_wrong": keyword_as("$BYTEORD", "4,3,2,1"),
    "datatype_wrong_D": keyword_as("$DATATYPE", "D"),
    "datatype_I": keyword_as("$DATATYPE", "I"),
}
MARK, END = "<!-- planted -->", "<!-- end of planted -->"
UNSEEN = {"channel_renamed_lower", "channel_renamed_space", "channels_reordered"}
"""What is read right and needs no finding: names in another case, with blanks, in another order."""


@dataclass(frozen=True)
class Outcome:
    """What one fault did."""

    fault: str
    lost: bool
    wrong: int  # readouts of other wells that changed
    touched: int  # values of other wells whose qc or exclusion changed
    unclear: bool
    named: str


def study_folder(target: Path) -> Path:
    """Copy the three plates to a folder and return the study file."""
    for plate in PLATES:
        shutil.copytree(SAMPLE / "fcs" / plate, target / "fcs" / plate)
        (target / "plates").mkdir(exist_ok=True)
        shutil.copy(SAMPLE / "plates" / f"{plate}.toml", target / "plates")
    (target / "study.toml").write_text(
        'assaykit = 1\ntitle = "faults"\nunit = "experiment"\n'
        '[[assay]]\nprotocol = "cxcr4_surface"\nplates = ["plates/*.toml"]\nfcs = "fcs/{plate}"\n',
        encoding="utf-8",
    )
    return target / "study.toml"


def readouts(tables: dict[str, pd.DataFrame], well: str) -> pd.Series:
    """Return the readouts of every well but one of plate E2."""
    frame = tables["readouts"]
    other = frame[~((frame["plate"] == PLATES[1]) & (frame["well"] == well))]
    return other.set_index(["plate", "well", "readout"])["value"]


def judged(tables: dict[str, pd.DataFrame], well: str) -> pd.Series:
    """Return what was made of every value of other wells, those of its own arm apart, which may have lost a well."""
    frame = tables["measurements"]
    arm = frame[(frame["plate"] == PLATES[1]) & (frame["well"] == well)][["treatment", "context"]].drop_duplicates()
    other = frame[(frame["well"] != "") & ~((frame["plate"] == PLATES[1]) & (frame["well"] == well))]
    for treatment, context in arm.itertuples(index=False, name=None):
        other = other[(other["treatment"] != treatment) | (other["context"] != context)]
    return other.set_index(["plate", "well", "endpoint"])["qc"] + other.set_index(["plate", "well", "endpoint"])[
        "excluded"
    ].map(str)


def tried(name: str, plant: Plant, well: str, clean: tuple[pd.Series, pd.Series]) -> Outcome:
    """Plant a fault, run, and say what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        study = study_folder(Path(folder))
        plant(next(path for path in (study.parent / "fcs" / PLATES[1]).iterdir() if path.stem.endswith(well)))
        try:
            tables = run(read_study(study), robust=False).tables
        except AssaykitError as error:
            return Outcome(name, lost=True, wrong=0, touched=0, unclear=False, named=str(error)[:90])
        except Exception:  # noqa: BLE001 - a traceback is what is looked for
            return Outcome(name, lost=True, wrong=0, touched=0, unclear=True, named=traceback.format_exc()[-90:])
    found = tables["findings"]
    here = found[(found["plate"] == PLATES[1]) & (found["level"] != "note")]
    named = here[(here["well"] == well) | here["message"].str.contains(rf"\b{well}\b", regex=True)]
    told = ", ".join(dict.fromkeys(f"{row.level} {row.check}" for row in named.itertuples()))
    values, marks = clean
    now = readouts(tables, well).reindex(values.index)
    changed = int((now - values).abs().fillna(0.0).gt(0).sum()) + int(now.isna().sum() - values.isna().sum())
    after = judged(tables, well)
    touched = int((after != marks.reindex(after.index)).sum())
    unclear = not told and name not in UNSEEN
    return Outcome(name, lost=False, wrong=changed, touched=touched, unclear=unclear, named=told)


def main() -> None:
    """Try every fault in a sample and in a control well; print, and write the page where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="faults to try; all by default")
    parser.add_argument("--write", action="store_true", help="write the table into benchmarks/reliability.md")
    asked = parser.parse_args()
    well = "B1"  # a sample; controls may rightly change the wells they serve
    with tempfile.TemporaryDirectory() as folder:
        tables = run(read_study(study_folder(Path(folder))), robust=False).tables
        clean = readouts(tables, well), judged(tables, well)
    outcomes = [
        tried(name, plant, well, clean) for name, plant in FAULTS.items() if not asked.only or name in asked.only
    ]
    table = pd.DataFrame(outcomes)
    harm = {name: int((table[name] > 0).sum()) for name in ("lost", "wrong", "touched", "unclear")}
    counts = f"{len(table)} tried; " + ", ".join(f"{name} {number}" for name, number in harm.items())
    page = f"{table.to_string(index=False)}\n\n{counts}\n"
    print(page)
    if asked.write:
        target = Path(__file__).parent / "reliability.md"
        before, _, after = target.read_text(encoding="utf-8").partition(MARK)
        rest = after.partition(END)[2]
        target.write_text(f"{before}{MARK}\n```\n{page}```\n{END}{rest}", encoding="utf-8")


if __name__ == "__main__":
    main()
