"""Designs and tables that cannot carry their claim: confounded arms, pasted experiments, percentages, scored cells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assaykit.errors import CountsError, InputError
from assaykit.measurements import alike_experiments, copied_counts
from assaykit.pipeline import run
from assaykit.plate.model import Plate, Well
from assaykit.protocol import read_protocol
from assaykit.study import read_study
from assaykit.study.model import Assay
from assaykit.tables import READOUTS, frame_from_rows

TRUTH = {
    ("vehicle", "mono"): 0.05, ("imatinib 1 uM", "mono"): 0.40,
    ("vehicle", "msc_contact"): 0.05, ("imatinib 1 uM", "msc_contact"): 0.25,
}  # fmt: skip
STUDY = """
assaykit = 1
title = "design"
unit = "experiment"
factors = ["operator"]
{more}
[[assay]]
protocol = "{protocol}"
counts = ["counts.csv"]
"""


def drawn(
    seed: int = 1, *, days: int = 5, wells: int = 3, between: float = 0.25, truth: Mapping = TRUTH
) -> pd.DataFrame:
    """Return counts of dying cells: binomial around a share that moves from day to day and arm to arm."""
    rng = np.random.default_rng(seed)
    rows = []
    for day in range(1, days + 1):
        for (treatment, context), share in truth.items():
            logit = np.log(share / (1 - share)) + rng.normal(0, between)
            for _ in range(wells):
                dying = rng.binomial(5000, 1 / (1 + np.exp(-logit - rng.normal(0, between / 5))))
                late = rng.binomial(dying, 0.4)
                rows.append({"experiment": f"E{day}", "treatment": treatment, "context": context,
                             "viable": 5000 - dying, "early": dying - late, "late": late, "necrotic": 0})  # fmt: skip
    return pd.DataFrame(rows)


def results(tmp_path: Path, table: pd.DataFrame, *, protocol: str = "coculture_protection", more: str = ""):
    table.to_csv(tmp_path / "counts.csv", index=False)
    (tmp_path / "study.toml").write_text(STUDY.format(protocol=protocol, more=more), encoding="utf-8")
    return run(read_study(tmp_path / "study.toml"), robust=False)


def verdict(found, claim: str = "EN-04"):
    return found.tables["comparisons"].set_index("claim").loc[claim]


def levels(found) -> dict[str, set[str]]:
    return found.tables["findings"].groupby("check")["level"].agg(set).to_dict()


def test_a_sound_design_is_read_without_a_word_of_doubt(tmp_path):
    found = results(tmp_path, drawn())
    assert verdict(found)["verdict"] == "consistent"
    assert "doubt" not in verdict(found)["reason"]
    assert levels(found).keys().isdisjoint({"confounded", "arms_apart", "experiments_alike", "copied_data"})


def test_arms_that_share_no_experiment_are_not_compared(tmp_path):
    """Case evidence/batch_confounded: a silent Welch test said "consistent", OR 8.83, 6 experiments."""
    table = drawn(days=6)
    early = table["experiment"].isin(["E1", "E2", "E3"])
    found = results(tmp_path, table[early == (table["treatment"] == "vehicle")])
    assert levels(found)["confounded"] == {"warn"}
    assert verdict(found)["verdict"] == "not interpretable"
    assert "unit holds both" in verdict(found)["reason"]


@pytest.mark.parametrize("column", ["plate", "operator"])
def test_a_reference_that_is_never_on_the_drug_s_plate_is_not_compared(tmp_path, column):
    """Case evidence/plate_confounded."""
    table = drawn()
    table[column] = np.where(table["treatment"] == "vehicle", "p1", "p2")
    found = results(tmp_path, table)
    assert levels(found)["arms_apart"] == {"warn"}
    assert verdict(found)["verdict"] == "not interpretable"
    if column == "plate":
        specific = found.tables["measurements"].query("endpoint == 'specific_apoptosis'")
        assert set(specific["qc"]) == {"not_interpretable"}, "what is held against the reference is no better"


def test_a_reference_that_is_elsewhere_in_two_of_five_experiments_leaves_a_doubt(tmp_path):
    table = drawn()
    apart = table["experiment"].isin(["E1", "E2"]) & (table["treatment"] == "vehicle")
    found = results(tmp_path, table.assign(plate=np.where(apart, "p1", "p2")))
    assert verdict(found)["verdict"] == "consistent"
    assert "culture plate (2 of 5 units)" in verdict(found)["reason"]
    assert "in doubt: " in verdict(found)["reason"]


def test_contexts_on_plates_of_their_own_are_a_doubt_where_contexts_are_compared_and_nowhere_else(tmp_path):
    table = drawn()
    found = results(tmp_path, table.assign(plate=table["context"]))
    estimates = found.tables["estimates"].query("analysis == 'apoptosis'")
    assert (estimates["reason"] == "").all()
    doubted = estimates.groupby("kind")["doubts"].agg(lambda texts: (texts != "").all())
    assert doubted.to_dict() == {"treatment": False, "context": True, "interaction": False}


def pasted(table: pd.DataFrame, copies=("E2", "E3", "E4", "E5"), jitter: int = 0, seed: int = 4) -> pd.DataFrame:
    """Return the table with the first experiment in the place of others, a few cells off."""
    rng = np.random.default_rng(seed)
    first = table[table["experiment"] == "E1"]
    parts = [table[~table["experiment"].isin(copies)]]
    for name in copies:
        copy = first.assign(experiment=name)
        moved = rng.integers(-jitter, jitter + 1, len(copy))
        parts.append(copy.assign(viable=copy["viable"] - moved, early=copy["early"] + moved))
    return pd.concat(parts, ignore_index=True)


def test_an_experiment_pasted_as_another_counts_once(tmp_path):
    found = results(tmp_path, pasted(drawn(), copies=("E4",)))
    assert levels(found)["copied_data"] == {"fail"}
    rows = found.tables["measurements"].query("endpoint == 'apoptosis'")
    assert set(rows[rows["excluded"]]["unit_id"]) == {"E4"}
    assert verdict(found)["n_units"] == 4


def test_experiments_equal_up_to_a_few_cells_cannot_be_interpreted(tmp_path):
    """Case evidence/jitter_copies: OR 17.2 (17.0 to 17.4), no finding."""
    found = results(tmp_path, pasted(drawn(), jitter=3))
    assert levels(found)["experiments_alike"] == {"fail"}
    assert verdict(found)["verdict"] == "not interpretable"
    assert "near-identical" in verdict(found)["reason"]


def assay_of(table: pd.DataFrame) -> Assay:
    parts = ["viable", "early", "late", "necrotic"]
    wells = tuple(
        Well(
            f"row {i}",
            "sample",
            {k: row[k] for k in ("experiment", "treatment", "context")},
            counts={p: row[p] for p in parts},
        )
        for i, row in enumerate(table.to_dict("records"))
    )
    return Assay("a", read_protocol("coculture_protection"), (), (Plate("counts", len(wells), 1, wells),))


def test_two_near_copies_among_honest_experiments_are_told_apart():
    table = pasted(drawn(seed=9), copies=("E4",), jitter=4)
    assay, nothing = assay_of(table), frame_from_rows([], READOUTS)
    (found,) = alike_experiments(assay, nothing, unit="experiment")
    assert "E1, E4 are near-identical" in found.finding.message
    assert len(found.places) == 24


def test_honest_experiments_that_do_not_differ_at_all_are_called_alike_less_than_once_in_a_thousand():
    """No variance between days is the worst there is: 400 studies of 10 pairs each."""
    nothing = frame_from_rows([], READOUTS)
    wolf = sum(
        bool(alike_experiments(assay_of(drawn(seed, between=0.0)), nothing, unit="experiment")) for seed in range(400)
    )
    assert wolf <= 1  # .4 are expected at most; two would have probability .06 at 1 in 1,000


def test_few_counts_that_agree_by_chance_are_no_copy():
    table = drawn(days=2, wells=1).assign(viable=20, early=[3, 5, 2, 4] * 2, late=0)
    assert copied_counts(assay_of(table), "experiment") == []
    assert len(copied_counts(assay_of(pasted(drawn(days=2), copies=("E2",))), "experiment")) == 1


@pytest.mark.parametrize("over", [1.0, 100.0])
def test_shares_given_as_counts_are_a_fault_that_says_what_to_write(tmp_path, over):
    """Case user/percent_as_counts."""
    table = drawn(days=3)
    parts = ["viable", "early", "late", "necrotic"]
    table[parts] = (table[parts] / 5000 * over).round(4 if over == 1.0 else 1)
    with pytest.raises(InputError, match="counts must be cells"):
        results(tmp_path, table)


def test_a_hundred_cells_scored_by_hand_are_counts(tmp_path):
    table = drawn(days=3)
    table[["early", "late", "necrotic"]] //= 50
    table["viable"] = 100 - table["early"] - table["late"]
    assert verdict(results(tmp_path, table))["verdict"] == "consistent"


def test_scored_cells_give_no_count_of_the_well(tmp_path):
    """Case protos/viable_count_of_scored_cells: 10,000 - dying was "viable cells of the well"."""
    found = results(tmp_path, drawn())
    assert "viable_count" not in set(found.tables["measurements"]["endpoint"])
    told = found.tables["findings"].query("check == 'endpoint_not_formed'")["message"]
    assert told.str.contains("cells scored as living or dying are not the cells of the well").any()


def test_cells_counted_in_a_chamber_are_those_of_the_well(tmp_path):
    table = drawn(days=3).assign(squares=4, volume=1.0)
    found = results(tmp_path, table, protocol="annexin_apoptosis")
    assert "viable_count" in set(found.tables["measurements"]["endpoint"])


def test_more_beads_than_were_added_fail_and_give_no_count(bench_of_beads):
    table, findings = bench_of_beads(beads=1081.0, added=8.3)
    assert table["value"].isna().all()
    assert set(table["qc"]) == {"fail"}
    assert [(f.level, f.check) for f in findings if f.check == "more_beads_than_added"] == [
        ("fail", "more_beads_than_added")
    ]
    fine, _ = bench_of_beads(beads=1081.0, added=8300.0)
    assert fine["value"].tolist() == pytest.approx([100 * (500 / 1081 * 8300) / 1e5])


@pytest.fixture
def bench_of_beads():
    from assaykit.measurements import measure_endpoints
    from assaykit.study.model import Reference

    def measured(beads: float, added: float):
        factors = {"treatment": "vehicle", "context": "mono", "experiment": "E1", "target": "cxcl12"}
        well = Well("A1", "sample", {**factors, "beads_added": added, "input_cells": 1e5})
        assay = Assay("m", read_protocol("transwell_migration"), (Plate("P", 8, 12, (well,)),))
        values = {"cml_count": 500.0, "beads_count": beads}
        rows = [{"plate": "P", "well": "A1", "readout": k, "value": v, "cells": 500} for k, v in values.items()]
        table, findings = measure_endpoints(
            assay, frame_from_rows(rows, READOUTS), unit="experiment", reference=Reference()
        )
        return table[table["endpoint"] == "migration_cxcl12"], findings

    return measured


def test_a_dose_that_one_experiment_has_in_place_of_the_others_is_asked_about(tmp_path):
    table = drawn()
    slip = (table["experiment"] == "E3") & (table["treatment"] != "vehicle")
    found = results(tmp_path, table.assign(treatment=table["treatment"].mask(slip, "imatinib 1 nM")))
    told = found.tables["findings"].query("check == 'levels_alike'")
    assert told["level"].tolist() == ["warn"]
    assert "'imatinib 1 nM' is in experiment E3 alone" in told["message"].iloc[0]


def test_doses_of_a_series_are_not_asked_about(tmp_path):
    truth = {("vehicle", "mono"): 0.05} | {(f"imatinib {dose} uM", "mono"): 0.2 for dose in ("0.1", "1", "10")}
    table = drawn(truth=truth)
    table = table[~((table["experiment"] == "E1") & (table["treatment"] == "imatinib 10 uM"))]  # a well was lost
    assert "levels_alike" not in levels(results(tmp_path, table, protocol="annexin_apoptosis"))


def test_a_study_says_its_compensation_and_a_wrong_word_is_a_fault(tmp_path):
    found = results(tmp_path, drawn(), more='compensation = "none"')
    assert found.study.assays[0].protocol.compensation == "none"
    with pytest.raises(InputError, match="compensation must be"):
        results(tmp_path, drawn(), more='compensation = "nome"')


def test_the_fault_of_percentages_is_one_of_counts():
    assert issubclass(CountsError, InputError)
