"""ESTIMATES from MEASUREMENTS: the unit is the only n, every contrast asked for has a row, nothing is lost silently."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assaykit.protocol.model import Analysis, ContrastSpec
from assaykit.stats import estimate, robustness, robustness_summary
from assaykit.study.model import Reference
from assaykit.tables import ESTIMATES, MEASUREMENTS, frame_from_rows

IMATINIB, BOTH = "imatinib 1 uM", "imatinib 1 uM + plerixafor 10 uM"
TREATMENTS = ("vehicle", IMATINIB, "dasatinib 10 nM", BOTH)
CONTEXTS = ("mono", "msc_contact")
KINDS = ("treatment", "pairwise", "context", "interaction", "level")


def measured(*, units=5, wells=3, seed=1, unit="MFI", value=None):
    rng = np.random.default_rng(seed)
    rows = []
    for u in range(units):
        day = rng.normal(0, 0.25)
        for treatment in TREATMENTS:
            for context in CONTEXTS:
                mean = day + rng.normal(0, 0.2) + 0.8 * (treatment != "vehicle") - 0.4 * (context != "mono")
                rows += [
                    {
                        "assay": "cxcr4",
                        "plate": f"day {u}",
                        "well": f"{treatment} {context} {w}",
                        "unit_id": f"E{u}",
                        "treatment": treatment,
                        "context": context,
                        "endpoint": "cxcr4_dmfi",
                        "value": value if value is not None else 100 * 2 ** (mean + rng.normal(0, 0.1)),
                        "unit": unit,
                        "cells": 500,
                        "qc": "pass",
                    }
                    for w in range(wells)
                ]
    return frame_from_rows(rows, MEASUREMENTS)


def analysis(**changes):
    asked = {"name": "cxcr4", "endpoint": "cxcr4_dmfi", "scale": "log2", "families": KINDS} | changes
    return Analysis(**asked)


def estimated(frame, **changes):
    return estimate(frame, "cxcr4", analysis(**changes), reference=Reference())


def row(table, **labels):
    found = table
    for name, label in labels.items():
        found = found[found[name] == label]
    assert len(found) == 1
    return found.iloc[0]


def by_hand(frame, treatment, context):
    chosen = frame[(frame["treatment"] == treatment) & (frame["context"] == context)]
    return np.log2(chosen["value"]).groupby(chosen["unit_id"]).mean()


def test_a_treatment_is_the_paired_t_of_unit_means_within_its_own_context():
    frame = measured()
    table, _ = estimated(frame)
    found = row(table, kind="treatment", treatment=IMATINIB, context="msc_contact")
    expected = stats.ttest_rel(by_hand(frame, IMATINIB, "msc_contact"), by_hand(frame, "vehicle", "msc_contact"))
    interval = expected.confidence_interval()
    assert found["statistic"] == pytest.approx(expected.statistic)
    assert found["p_value"] == pytest.approx(expected.pvalue)
    assert (found["conf_low"], found["conf_high"]) == pytest.approx((interval.low, interval.high))
    assert (found["df"], found["n_units"], found["n_wells"]) == (4, 5, 30)
    assert found["effect"] == pytest.approx(2 ** found["estimate"])
    assert found["effect_name"] == "fold change"
    assert found["contrast_sd"] == pytest.approx(found["std_error"] * np.sqrt(5))


def test_an_interaction_is_the_one_sample_t_of_differences_of_differences():
    frame = measured()
    table, _ = estimated(frame)
    found = row(table, kind="interaction", treatment=BOTH, comparator=IMATINIB)
    d = [by_hand(frame, BOTH, c) - by_hand(frame, IMATINIB, c) for c in ("msc_contact", "mono")]
    expected = stats.ttest_1samp(d[0] - d[1], 0)
    assert (found["statistic"], found["p_value"]) == pytest.approx((expected.statistic, expected.pvalue))
    assert (found["context"], found["comparator_context"]) == ("msc_contact", "mono")


def test_every_family_lists_its_contrasts_once():
    table, _ = estimated(measured())
    assert table["kind"].value_counts().to_dict() == {
        "treatment": 6,
        "pairwise": 6,
        "context": 4,
        "interaction": 6,
        "level": 8,
    }
    assert not table.duplicated(["kind", "treatment", "comparator", "context"]).any()
    assert tuple(table.columns) == ESTIMATES.names
    combination = row(table, kind="pairwise", treatment=BOTH, comparator=IMATINIB, context="mono")
    assert combination["contrast"] == f"{BOTH} - {IMATINIB}"


def test_p_values_are_adjusted_by_holm_within_a_kind_and_interactions_between_drugs_apart():
    table, _ = estimated(measured())
    for kind in ("treatment", "pairwise", "context", "level"):
        rows = table[table["kind"] == kind]
        smallest = rows["p_value"].min()
        assert rows["p_adjusted"].min() == pytest.approx(min(1, smallest * len(rows)))
    vehicle = table[(table["kind"] == "interaction") & (table["comparator"] == "vehicle")]
    assert vehicle["p_adjusted"].min() == pytest.approx(min(1, vehicle["p_value"].min() * 3))


@given(st.integers(0, 1000), st.floats(0.1, 10.0))
@settings(max_examples=10, deadline=None)
def test_a_gain_of_the_detector_changes_no_contrast(seed, gain):
    frame = measured(seed=seed)
    kinds = ("treatment", "pairwise", "context", "interaction")
    plain, _ = estimated(frame, families=kinds)
    louder, _ = estimated(frame.assign(value=frame["value"] * gain), families=kinds)
    for name in ("estimate", "std_error", "p_value"):
        np.testing.assert_allclose(louder[name], plain[name], rtol=1e-6, atol=1e-12)


@given(st.permutations(range(5)))
@settings(max_examples=10, deadline=None)
def test_names_and_order_of_units_change_nothing(order):
    frame = measured()
    names = {f"E{i}": f"day {j}" for i, j in enumerate(order)}
    other = frame.assign(unit_id=frame["unit_id"].map(names)).sample(frac=1, random_state=order[0])
    a, b = (estimated(f)[0] for f in (frame, other))
    numbers = a.select_dtypes("number").columns
    np.testing.assert_allclose(a[numbers].astype(float), b[numbers].astype(float), rtol=1e-9)


def test_swapping_reference_and_treatment_turns_the_sign():
    frame = measured()
    there = row(estimated(frame)[0], kind="treatment", treatment=IMATINIB, context="mono")
    turned, _ = estimate(frame, "cxcr4", analysis(), reference=Reference(treatment=IMATINIB))
    back = row(turned, kind="treatment", treatment="vehicle", context="mono")
    assert there["estimate"] == pytest.approx(-back["estimate"])
    assert there["conf_low"] == pytest.approx(-back["conf_high"])
    assert there["p_value"] == pytest.approx(back["p_value"])


def test_more_wells_are_not_more_n():
    frame = measured()
    doubled = pd.concat([frame, frame.assign(well=frame["well"] + " again")], ignore_index=True)
    a, b = (estimated(f)[0] for f in (frame, doubled))
    np.testing.assert_allclose(a["p_value"], b["p_value"])
    assert (b["n_units"] == 5).all()
    assert (b["n_wells"] == 2 * a["n_wells"]).all()


def test_a_unit_without_an_arm_is_left_out_of_its_contrasts_and_named():
    frame = measured()
    frame = frame[~((frame["unit_id"] == "E4") & (frame["treatment"] == IMATINIB) & (frame["context"] == "mono"))]
    table, findings = estimated(frame)
    assert row(table, kind="treatment", treatment=IMATINIB, context="mono")["n_units"] == 4
    assert row(table, kind="treatment", treatment=IMATINIB, context="msc_contact")["n_units"] == 5
    assert row(table, kind="interaction", treatment=IMATINIB, comparator="vehicle")["n_units"] == 4
    message = next(f.message for f in findings if f.check == "units_incomplete")
    assert "imatinib 1 uM in mono: E4" in message


def test_a_context_without_its_own_vehicle_has_rows_that_say_so():
    frame = measured()
    frame = frame[~((frame["treatment"] == "vehicle") & (frame["context"] == "msc_contact"))]
    table, _ = estimated(frame)
    found = row(table, kind="treatment", treatment=IMATINIB, context="msc_contact")
    assert found["reason"] == "not estimable: no values for vehicle in msc_contact"
    assert np.isnan(found["estimate"])
    assert np.isnan(found["p_adjusted"])
    assert pd.isna(found["n_units"])


def test_one_unit_gives_no_interval_and_says_why():
    table, findings = estimated(measured(units=1), families=("treatment",))
    assert table["estimate"].isna().all()
    assert set(table["reason"]) == {"not estimable: 1 unit with every arm; an interval needs at least 2"}
    assert "few_units" in {finding.check for finding in findings}


def test_units_that_never_share_an_arm_are_compared_by_welch():
    frame = measured(units=8)
    number = frame["unit_id"].str[1:].astype(int)
    frame = frame[
        ((frame["treatment"] == "vehicle") & (number < 4)) | ((frame["treatment"] == IMATINIB) & (number > 3))
    ]
    found = row(estimated(frame, families=("treatment",))[0], context="mono")
    a, b = by_hand(frame, IMATINIB, "mono"), by_hand(frame, "vehicle", "mono")
    expected = stats.ttest_ind(a, b, equal_var=False)
    assert (found["statistic"], found["df"], found["p_value"]) == pytest.approx(
        (expected.statistic, expected.df, expected.pvalue)
    )
    assert "no unit has both arms" in found["method"]


def test_what_is_not_interpretable_keeps_its_numbers_and_its_reason():
    frame = measured()
    bad = frame["treatment"] == BOTH
    frame = frame.assign(
        qc=np.where(bad, "not_interpretable", "pass"), reason=np.where(bad, "plerixafor competes with clone 12G5", "")
    )
    table, _ = estimated(frame)
    doubted = table[(table["treatment"] == BOTH) | (table["comparator"] == BOTH)]
    assert set(doubted["reason"]) == {"not interpretable: plerixafor competes with clone 12G5"}
    assert doubted["estimate"].notna().all()
    assert set(table.drop(doubted.index)["reason"]) == {""}


def test_failed_wells_stay_in_and_are_listed():
    frame = measured()
    frame.loc[3, ["qc", "reason"]] = ["fail", "vehicle death 25 %"]
    _, findings = estimated(frame)
    message = next(f.message for f in findings if f.check == "failed_values_kept")
    assert "day 0" in message


def test_values_without_a_logarithm_are_left_out_and_listed():
    frame = measured()
    frame.loc[0, "value"] = -3.0
    table, findings = estimated(frame)
    assert next(f for f in findings if f.check == "values_off_scale").level == "warn"
    assert row(table, kind="level", treatment="vehicle", context="mono")["n_wells"] == 14


def test_a_percentage_of_zero_uses_its_counts():
    frame = measured(unit="%").assign(total=200.0)
    frame["count"] = frame["value"].rank() % 40
    frame["value"] = 100 * frame["count"] / 200
    assert (frame["value"] == 0).any()
    table, findings = estimated(frame, scale="logit")
    assert table["estimate"].notna().all()
    assert "values_off_scale" not in {finding.check for finding in findings}
    assert set(table["effect_name"]) == {"odds ratio"}


def test_equivalence_is_the_two_one_sided_tests():
    frame = measured()
    found = row(estimated(frame, equivalence=0.3)[0], kind="context", treatment="vehicle")
    d = by_hand(frame, "vehicle", "msc_contact") - by_hand(frame, "vehicle", "mono")
    low = stats.ttest_1samp(d, -0.3, alternative="greater").pvalue
    high = stats.ttest_1samp(d, 0.3, alternative="less").pvalue
    assert found["p_equivalence"] == pytest.approx(max(low, high))
    assert found["equivalence"] == ("shown" if max(low, high) < 0.05 else "not shown")
    assert estimated(frame)[0]["equivalence"].eq("").all()


def test_units_needed_have_the_power_promised():
    from assaykit.stats.units.power import paired_power

    table = estimated(measured(), families=("pairwise", "context", "interaction"))[0]
    for found in table.itertuples():
        n = int(found.units_needed)
        assert paired_power(n, abs(found.estimate), found.contrast_sd) >= 0.8 - 1e-9
        if n > 2:
            assert paired_power(n - 1, abs(found.estimate), found.contrast_sd) < 0.8


def test_a_named_contrast_of_the_protocol_is_a_row_by_its_name():
    contrast = ContrastSpec(
        name="reversal", treatment=BOTH, comparator=IMATINIB, context="msc_contact", comparator_context="mono"
    )
    table, _ = estimated(measured(), families=("interaction",), contrasts=(contrast,))
    named, same = row(table, contrast="reversal"), row(table, kind="interaction", treatment=BOTH, comparator=IMATINIB)
    assert named["estimate"] == same["estimate"]


def test_dunnett_shares_one_error_over_the_treatments_and_is_exact():
    from assaykit.stats.units.simultaneous import single_step

    frame = measured()
    one_context = frame[frame["context"] == "mono"]
    table, _ = estimated(one_context, families=("treatment",), adjust="dunnett")
    np.testing.assert_allclose(table["df"], 12)  # 5 units, 4 arms: (5 - 1)(4 - 1)
    half = 0.5 + 0.5 * np.eye(3)
    np.testing.assert_allclose(table["p_adjusted"], single_step(table["statistic"], table["df"], half), atol=1e-7)


@pytest.mark.parametrize("model", ["nested_lmm", "lmm", "paired_t"])
def test_every_model_gives_the_same_estimate_on_a_balanced_plate(model):
    frame = measured()
    plain, other = estimated(frame)[0], estimated(frame, model=model)[0]
    np.testing.assert_allclose(other["estimate"], plain["estimate"], atol=1e-9)


def test_a_count_model_without_counts_falls_back_and_says_so():
    table, findings = estimated(measured(), scale="log", model="nb_glmm", families=("treatment",))
    assert table["p_value"].notna().all()
    assert "model_not_fitted" in {finding.check for finding in findings}


def test_an_endpoint_never_measured_is_a_finding_and_no_row():
    table, findings = estimate(measured(), "cxcr4", analysis(endpoint="other"), reference=Reference())
    assert table.empty
    assert [finding.check for finding in findings] == ["nothing_to_estimate"]


def test_two_cell_lines_in_one_condition_are_averaged_only_with_a_warning():
    frame = measured()
    frame["line"] = ["K562", "HL60", "K562"] * (len(frame) // 3)
    _, findings = estimated(frame)
    assert "line: HL60, K562" in next(f.message for f in findings if f.check == "factor_averaged")


def test_leaving_out_the_experiment_that_carries_an_effect_shows_it_fragile():
    frame = measured(seed=4)
    carried = (frame["unit_id"] == "E0") & (frame["treatment"] == "dasatinib 10 nM")
    frame["value"] = np.where(carried, frame["value"] * 16, frame["value"])
    table = robustness(frame, "cxcr4", analysis(families=("treatment",)), reference=Reference())
    summary = robustness_summary(table)
    found = row(summary, contrast="dasatinib 10 nM - vehicle", context="mono")
    assert (found["says"], found["robust"], found["doubts"].startswith("without E0")) == ("unclear", "fragile", True)
    solid = row(summary, contrast="imatinib 1 uM - vehicle", context="mono")
    assert (solid["says"], solid["changed"]) == ("above zero", 0)


def test_the_pseudoreplicated_answer_is_shown_only_when_asked_and_called_wrong():
    asked = {"assay": "cxcr4", "analysis": analysis(families=("treatment",)), "reference": Reference()}
    assert "wrong" not in set(robustness(measured(), **asked)["group"])
    shown = robustness(measured(), show_pseudoreplication=True, **asked)
    wrong = shown[shown["group"] == "wrong"]
    assert wrong["variation"].str.startswith("WRONG").all()
    assert len(wrong) == 6


def test_another_input_such_as_a_moved_gate_is_compared_contrast_by_contrast():
    frame = measured()
    moved = frame.assign(value=frame["value"] * 1.1)
    table = robustness(
        frame,
        "cxcr4",
        analysis(families=("treatment",)),
        reference=Reference(),
        inputs={"gate at its upper limit": moved},
    )
    rows = table[table["variation"] == "gate at its upper limit"]
    assert set(rows["stands"]) == {"yes"}


def test_an_experiment_that_lies_apart_from_all_others_is_named():
    frame = measured(seed=4)
    apart = (frame["unit_id"] == "E2") & (frame["treatment"] == IMATINIB) & (frame["context"] == "mono")
    frame["value"] = np.where(apart, frame["value"] * 64, frame["value"])
    _, findings = estimated(frame, families=("treatment",))
    found = [finding.message for finding in findings if finding.check == "unit_apart"]
    assert len(found) == 1
    assert "imatinib 1 uM - vehicle in mono: unit E2 gives" in found[0]


def test_units_left_out_for_what_was_found_in_them_leave_the_contrast_in_doubt():
    """An index that only drugs that kill have: the units left were chosen by the outcome, so their mean is too."""
    rows = [
        {"assay": "a", "plate": "p", "unit_id": f"E{n}", "treatment": drug, "context": "msc_contact", "endpoint": "spi",
         "value": None if (drug == "plerixafor 10 uM" and n > 3) else 0.5 + 0.05 * n, "unit": "ratio",
         "qc": "not_interpretable" if (drug == "plerixafor 10 uM" and n > 3) else "pass",
         "reason": "does not kill alone" if (drug == "plerixafor 10 uM" and n > 3) else ""}
        for n in (1, 2, 3, 4, 5)
        for drug in ("imatinib 1 uM", "plerixafor 10 uM")
    ]  # fmt: skip
    analysis = Analysis(name="spi", endpoint="spi", families=("level",))
    table, _ = estimate(frame_from_rows(rows, MEASUREMENTS), "a", analysis, reference=Reference())
    found = table.set_index("treatment")
    assert found.loc["imatinib 1 uM", "reason"] == ""
    assert "does not kill alone" in found.loc["plerixafor 10 uM", "reason"]
    assert found.loc["plerixafor 10 uM", "n_units"] == 3


def test_conditioned_medium_is_also_compared_with_the_plain_medium_that_is_its_own_control():
    rows = [
        {"assay": "cxcr4", "plate": unit, "well": context, "unit_id": unit, "treatment": "vehicle", "context": context,
         "endpoint": "cxcr4_dmfi", "value": value * scale, "unit": "MFI", "cells": 500, "qc": "pass"}
        for unit, scale in (("E1", 1.0), ("E2", 2.0), ("E3", 1.5))
        for context, value in (("mono", 100.0), ("plain_medium", 200.0), ("msc_medium", 800.0))
    ]  # fmt: skip
    table, _ = estimated(frame_from_rows(rows, MEASUREMENTS), families=("context",))
    pairs = {(here, base): effect for here, base, effect in zip(
        table["context"], table["comparator_context"], table["effect"], strict=True)}  # fmt: skip
    assert pairs == {
        ("plain_medium", "mono"): pytest.approx(2.0),
        ("msc_medium", "mono"): pytest.approx(8.0),
        ("msc_medium", "plain_medium"): pytest.approx(4.0),
    }


@pytest.mark.parametrize(
    ("unit", "name"), [("%", "percentage points"), ("% of input", "percentage points"), ("MFI", "difference")]
)
def test_a_difference_of_percentages_is_called_percentage_points(unit, name):
    table = estimated(measured(unit=unit), scale="identity", families=("treatment",))[0]
    assert set(table["effect_name"]) == {name}


def test_a_ratio_of_counts_takes_its_zeros_on_the_scale_of_the_other_wells():
    """Cells per 1,000 put in: 40 of 20,000 are 2; no cell of 20,000 is 0.5 / 20,001 times 1,000."""
    frame = measured(unit="per 1,000 cells").assign(total=20_000.0)
    frame["count"] = 20.0 * (1 + frame.index % 4)
    frame.loc[0, "count"] = 0.0
    frame["value"] = 1_000 * frame["count"] / frame["total"]
    table, findings = estimated(frame, scale="log", families=("level",))
    chosen = frame[(frame["treatment"] == "vehicle") & (frame["context"] == "mono")]
    logs = np.log(chosen["value"].where(chosen["value"] > 0, 1_000 * 0.5 / 20_001)).groupby(chosen["unit_id"]).mean()
    found = row(table, treatment="vehicle", context="mono")
    assert found["estimate"] == pytest.approx(logs.mean())
    assert "values_off_scale" not in {finding.check for finding in findings}
