"""The ledger: one row per run and claim, idempotent, and safe against crashes and newer versions."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from evidence.evidence_worlds import World, cxcr4, estimates, measurements, migration
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assaykit.errors import LedgerError
from assaykit.evidence import compare, cumulative, matrix, pool_ledger, pooling, read_claims, read_ledger, update_ledger
from assaykit.evidence.pooling import disagreements, readable
from assaykit.evidence.runs import Run, control_files, data_files, run_from_results
from assaykit.plate import Plate, Well
from assaykit.protocol import read_protocol
from assaykit.results.model import Results
from assaykit.stats.meta.pooling import pool
from assaykit.study import Assay, Reference, Study

CLAIMS = read_claims()
STUDY = Study(title="Spring", unit="experiment", reference=Reference(), assays=())


def results(seed: int = 1, *, imatinib: float = 1.0, title: str = "Spring", units: int = 6, files=None) -> Results:
    world = World("run", {**cxcr4(imatinib, 0.9), **migration(10.0, 4.0, 1.0, 4.0)}, (), "", units=units)
    frame = measurements(world, seed)
    table = estimates(frame)
    comparisons = compare(table, CLAIMS, measurements=frame)
    files = [f"{seed}a.fcs", f"{seed}b.fcs"] if files is None else files
    inputs = [{"path": name, "bytes": 1, "sha256": f"sha of {name}"} for name in [*files, "study.toml"]]
    tables = {"measurements": frame, "estimates": table, "comparisons": comparisons}
    return Results(replace(STUDY, title=title), tables, {"assaykit": "0.1.0", "seed": seed, "inputs": inputs})


RUN = run_from_results(results(), "spring")


def run(number: int, *, estimate: float = 0.8, std_error: float = 0.1, content: str = "", files=()) -> Run:
    """Return a run with one claim, made by hand."""
    half = 2.78 * std_error
    verdict = "consistent" if estimate > half else "contradicts" if estimate < -half else "inconclusive"
    row = next(each for each in RUN.verdicts if each["claim"] == "ES-32")
    row = {**row, "estimate": estimate, "std_error": std_error, "df": 4.0, "verdict": verdict, "n_units": 5}
    digests = {name: name for name in files} or {f"sha {number}": f"{number}.fcs"}
    return replace(
        RUN, fingerprint=f"data {number}", content=content or f"content {estimate} {std_error}",
        title=f"run {number}", inputs=digests, verdicts=(row,),
    )  # fmt: skip


def test_a_run_keeps_every_claim_with_its_estimate_and_provenance():
    assert len(RUN.verdicts) == 81
    row = {each["claim"]: each for each in RUN.verdicts}["EN-28"]
    assert row["scale"] == "log"
    assert row["estimate"] < 0  # turned round with the contrast
    assert row["std_error"] > 0
    assert RUN.inputs == {"sha of 1a.fcs": "1a.fcs", "sha of 1b.fcs": "1b.fcs"}


def test_data_are_fcs_files_else_tables_and_never_the_recipe():
    one = [{"path": name, "sha256": name} for name in ("study.toml", "a.fcs", "layout.csv")]
    assert list(data_files(one)) == ["a.fcs"]
    assert list(data_files(one[::2])) == ["layout.csv"]


def test_a_control_file_shared_by_two_experiments_does_not_tie_them_together():
    wells = (Well("A1", file=Path("may/A1.fcs")), Well("A2", "fmo", file=Path("controls/fmo.fcs")))
    assay = Assay("cxcr4", read_protocol("cxcr4_surface"), (Plate("p1", 8, 12, wells),))
    assert control_files(replace(STUDY, assays=(assay,))) == {"controls/fmo.fcs"}
    inputs = [{"path": name, "sha256": name} for name in ("../may/A1.fcs", "../controls/fmo.fcs")]
    assert list(data_files(inputs, controls={"controls/fmo.fcs"})) == ["../may/A1.fcs"]


def test_a_ledger_reads_back_what_was_written(tmp_path):
    path = tmp_path / "lab.sqlite"
    assert [each.done for each in update_ledger(path, [RUN])] == ["added"]
    ledger = read_ledger(path)
    assert list(ledger.runs["title"]) == ["Spring"]
    assert len(ledger.verdicts) == 81
    kept = ledger.verdicts.set_index("claim").loc["ES-32"]
    wanted = next(each for each in RUN.verdicts if each["claim"] == "ES-32")
    assert kept["estimate"] == wanted["estimate"]
    assert kept["verdict"] == "consistent"


def test_adding_a_run_twice_changes_nothing_to_the_byte(tmp_path):
    path = tmp_path / "lab.sqlite"
    update_ledger(path, [RUN])
    before = path.read_bytes()
    assert [each.done for each in update_ledger(path, [RUN, RUN])] == ["unchanged", "unchanged"]
    assert path.read_bytes() == before


def test_a_run_is_its_data_and_not_its_folder(tmp_path):
    path = tmp_path / "lab.sqlite"
    update_ledger(path, [RUN, replace(RUN, folder="moved")])
    assert len(read_ledger(path).runs) == 1


def test_the_same_data_analysed_again_take_the_earlier_place(tmp_path):
    path = tmp_path / "lab.sqlite"
    update_ledger(path, [run(1), run(2)])
    (outcome,) = update_ledger(path, [run(1, estimate=0.5)])
    ledger = read_ledger(path)
    assert outcome.done == "replaced"
    assert list(ledger.runs["title"]) == ["run 1", "run 2"]
    assert list(ledger.verdicts["estimate"]) == [0.5, 0.8]


def test_a_run_that_shares_part_of_its_data_is_refused_with_the_other_named(tmp_path):
    path = tmp_path / "lab.sqlite"
    update_ledger(path, [run(1, files=("a", "b"))])
    (outcome,) = update_ledger(path, [run(2, files=("b", "c", "d"))])
    assert outcome.done == "refused"
    assert outcome.reason == "1 of its 3 data files are those of 'run 1', already in the ledger"
    assert len(read_ledger(path).runs) == 1


def test_runs_that_share_a_title_are_told_apart_by_position(tmp_path):
    path = tmp_path / "lab.sqlite"
    update_ledger(path, [run(1), replace(run(2), title="run 1")])
    assert list(read_ledger(path).runs["title"]) == ["run 1 (1)", "run 1 (2)"]


def test_a_ledger_of_a_newer_version_is_refused_politely_and_not_touched(tmp_path):
    path = tmp_path / "lab.sqlite"
    update_ledger(path, [RUN])
    with sqlite3.connect(path) as ledger:
        ledger.execute("PRAGMA user_version = 2")
    ledger.close()
    before = path.read_bytes()
    for attempt in (lambda: read_ledger(path), lambda: update_ledger(path, [run(9)])):
        with pytest.raises(LedgerError, match="format 2, written by a newer assaykit"):
            attempt()
    assert path.read_bytes() == before


def test_a_file_that_is_no_ledger_is_refused_and_not_touched(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database, and long enough to be read as one page of sixteen bytes")
    with pytest.raises(LedgerError, match="must be an evidence ledger"):
        update_ledger(text, [RUN])
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE samples (name TEXT)")
    database.close()
    with pytest.raises(LedgerError, match="found another database"):
        update_ledger(other, [RUN])
    with pytest.raises(LedgerError, match="no such file"):
        read_ledger(tmp_path / "none.sqlite")


def test_a_ledger_in_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(LedgerError, match="must be a file that can be written"):
        update_ledger(tmp_path / "none" / "lab.sqlite", [RUN])


def test_results_without_verdicts_are_refused():
    empty = results()
    tables = {**empty.tables, "comparisons": empty.tables["comparisons"].iloc[:0]}
    with pytest.raises(LedgerError, match="must hold verdicts"):
        run_from_results(replace(empty, tables=tables), "empty")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from([0.2, 0.5, 0.8])), min_size=1, max_size=8))
def test_whatever_is_added_the_ledger_holds_the_last_analysis_of_each_data_set(tmp_path_factory, order):
    path = tmp_path_factory.mktemp("ledger") / "lab.sqlite"
    for number, estimate in order:
        update_ledger(path, [run(number, estimate=estimate)])
    ledger = read_ledger(path)
    last = {f"run {number}": estimate for number, estimate in order}
    assert dict(zip(ledger.verdicts["title"], ledger.verdicts["estimate"], strict=True)) == last
    assert list(ledger.runs["title"]) == list(dict.fromkeys(f"run {number}" for number, _ in order))


WRITER = """
import sys
sys.path.insert(0, {tests!r})
from evidence.test_evidence_ledger import run
from assaykit.evidence import update_ledger
from dataclasses import replace
print("ready", flush=True)
for number in range({first}, 100000):
    one = run(number)
    rows = tuple({{**one.verdicts[0], "claim": f"C-{{i}}"}} for i in range(300))
    update_ledger({path!r}, [replace(one, verdicts=rows)])
    print(number, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill a process without notice")
def test_a_process_killed_while_it_writes_loses_no_run_it_had_confirmed(tmp_path):
    """Killed at random moments three times over: every confirmed run is whole, at most one more is there."""
    path, chance = tmp_path / "lab.sqlite", random.Random(5)
    confirmed: set[int] = set()
    for attempt in range(3):
        code = WRITER.format(tests=str(Path(__file__).parent.parent), path=str(path), first=attempt * 1000)
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.15 + 0.2 * chance.random())
            os.kill(writer.pid, signal.SIGKILL)
            confirmed |= {int(line) for line in writer.stdout.read().split("\n")[:-1] if line}
    ledger = read_ledger(path)
    kept = {int(title.split()[1]) for title in ledger.runs["title"]}
    assert confirmed
    assert confirmed <= kept
    assert len(kept - confirmed) <= 3  # written, and killed before it could say so
    assert set(ledger.verdicts.groupby("title").size()) == {300}
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def ledger_of(tmp_path, *runs: Run) -> pd.DataFrame:
    update_ledger(tmp_path / "lab.sqlite", runs)
    return read_ledger(tmp_path / "lab.sqlite").verdicts


def test_pooling_is_the_meta_analysis_of_the_runs(tmp_path):
    verdicts = ledger_of(tmp_path, run(1, estimate=0.7), run(2, estimate=0.9), run(3, estimate=1.1))
    row = pool_ledger(verdicts).iloc[0]
    wanted = pool([0.7, 0.9, 1.1], [0.1, 0.1, 0.1])
    assert row["estimate"] == pytest.approx(wanted.estimate)
    assert row["effect"] == pytest.approx(2**wanted.estimate)
    assert row["effect_low"] == pytest.approx(2**wanted.conf_low)
    assert row["effect_pred_low"] == pytest.approx(2**wanted.pred_low)
    assert (row["runs"], row["units"], row["verdict"], row["disagree"]) == (3, 15, "consistent", "")


def test_one_run_stands_for_itself_without_a_prediction_interval(tmp_path):
    row = pool_ledger(ledger_of(tmp_path, run(1))).iloc[0]
    assert row["effect"] == pytest.approx(2**0.8)
    assert np.isnan(row["pred_low"])
    assert row["verdict"] == "consistent"


def test_a_run_that_says_the_opposite_is_flagged(tmp_path):
    runs = [run(i, estimate=0.8 + 0.02 * i) for i in range(4)]
    row = pool_ledger(ledger_of(tmp_path, *runs, run(9, estimate=-0.9))).iloc[0]
    assert row["disagree"] == "run 9: says the opposite of the others"


def test_a_run_far_from_the_others_on_the_same_side_is_flagged(tmp_path):
    runs = [run(i, estimate=0.8 + 0.02 * i, std_error=0.05) for i in range(6)]
    row = pool_ledger(ledger_of(tmp_path, *runs, run(9, estimate=2.5, std_error=0.05))).iloc[0]
    assert row["disagree"].startswith("run 9: lies too far from the others")


def test_two_runs_apart_are_both_named(tmp_path):
    row = pool_ledger(ledger_of(tmp_path, run(1, estimate=0.3), run(2, estimate=2.0))).iloc[0]
    assert "run 1" in row["disagree"]
    assert "run 2" in row["disagree"]


def by_paule_mandel(estimates, std_errors):
    """Pool by a method that is a single root; REML of 300 ledgers is the business of the tests of pooling."""
    return pool(estimates, std_errors, method="PM")


def test_runs_that_agree_are_flagged_in_at_most_about_5_percent(monkeypatch):
    """300 ledgers of five runs from one truth: at most 5 % plus three Monte-Carlo standard errors, 8.8 %."""
    monkeypatch.setattr(pooling, "pool", by_paule_mandel)
    rng = np.random.default_rng(11)
    base = readable(_frame([run(i) for i in range(5)]))
    flagged = 0
    for _ in range(300):
        one = base.assign(estimate=0.8 + rng.normal(0, 0.1, 5), verdict="inconclusive")
        flagged += bool(disagreements(one))
    assert flagged <= 0.088 * 300


def _frame(runs: list[Run]) -> pd.DataFrame:
    rows = [{"position": i, "title": each.title, **each.verdicts[0]} for i, each in enumerate(runs)]
    return pd.DataFrame(rows)


def test_the_cumulative_course_ends_at_the_pooled_effect(tmp_path):
    verdicts = ledger_of(tmp_path, run(1, estimate=0.4), run(2, estimate=0.9), run(3, estimate=0.8))
    course = cumulative(verdicts, "ES-32")
    assert list(course["title"]) == ["run 1", "run 2", "run 3"]
    assert course["pooled_effect"].iloc[0] == pytest.approx(2**0.4)
    assert course["pooled_effect"].iloc[-1] == pytest.approx(pool_ledger(verdicts)["effect"].iloc[0])
    assert list(course["effect"]) == pytest.approx([2**0.4, 2**0.9, 2**0.8])


def test_a_run_on_another_scale_is_set_apart_and_named(tmp_path):
    other = run(3)
    other = replace(other, verdicts=({**other.verdicts[0], "scale": "identity"},))
    row = pool_ledger(ledger_of(tmp_path, run(1), run(2, estimate=0.9), other)).iloc[0]
    assert row["runs"] == 2
    assert row["apart"] == "run 3 (cxcr4_dmfi, identity)"


def test_the_matrix_has_a_column_per_run_and_a_row_per_claim(tmp_path):
    table = matrix(ledger_of(tmp_path, RUN, run(2)))
    assert list(table.columns) == ["Spring", "run 2"]
    assert table.loc["ES-32", "run 2"] == "consistent"
    assert table.loc["EN-29", "run 2"] == ""
    assert "EN-29" not in matrix(ledger_of(tmp_path), tested=True).index


def test_garbage_in_a_ledger_is_a_sentence_whatever_and_wherever_it_is(tmp_path):
    path, noise = tmp_path / "lab.ledger", random.Random(1)
    update_ledger(path, [RUN])
    whole = path.read_bytes()
    refused = 0
    for number in range(150):
        begin = noise.randrange(len(whole))
        end = begin + noise.choice((1, 8, 500))
        garbage = noise.randbytes(end - begin)
        path.write_bytes(whole[:begin] if number % 3 == 0 else whole[:begin] + garbage + whole[end:])
        for touch in (lambda: pool_ledger(read_ledger(path).verdicts), lambda: update_ledger(path, [RUN])):
            try:
                touch()
            except LedgerError:  # anything else is a traceback
                refused += 1
    assert refused > 100


def test_a_ledger_that_lost_a_column_is_refused(tmp_path):
    path = tmp_path / "lab.ledger"
    update_ledger(path, [RUN])
    with sqlite3.connect(path) as ledger:
        ledger.execute("ALTER TABLE verdicts RENAME COLUMN endpoint TO end_point")
    ledger.close()
    for touch in (lambda: read_ledger(path), lambda: update_ledger(path, [run(2)])):
        with pytest.raises(LedgerError, match=r"undamaged; found .*endpoint"):
            touch()


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_no_ledger(tmp_path, kind):
    path = tmp_path / "lab.ledger"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    for touch in (lambda: read_ledger(path), lambda: update_ledger(path, [RUN])):
        with pytest.raises(LedgerError, match="must be an ordinary file; found none that can be read"):
            touch()
