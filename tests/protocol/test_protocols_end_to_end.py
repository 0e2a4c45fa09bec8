"""Every shipped protocol, through the whole road: files or counts in, estimates near the planted answer out."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from assaykit.fcs import events_from_array, write_fcs
from assaykit.pipeline import run
from assaykit.protocol import protocol_folder
from assaykit.results import Results
from assaykit.simulate import simulate_study
from assaykit.study import read_study

IMATINIB, STATIN = "imatinib 1 uM", "simvastatin 5 uM"
DAYS = ("day 1", "day 2", "day 3")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    """Return the folder of one simulated study, whose plates other protocols read too."""
    folder = tmp_path_factory.mktemp("simulated")
    simulate_study(folder, seed=11, cells=600)
    return folder


def results(folder: Path, assay: str, *, name: str = "other", unit: str = "experiment") -> Results:
    """Return the results of a study of one assay, written beside its data."""
    path = folder / f"{name}.toml"
    path.write_text(f'assaykit = 1\ntitle = "A test"\nunit = "{unit}"\n\n[[assay]]\n{assay}', encoding="utf-8")
    return run(read_study(path), robust=False)


def effect(found: Results, analysis: str, contrast: str, context: str = "mono", kind: str = "") -> tuple[float, ...]:
    """Return estimate, lower and upper limit of one contrast, brought back from the analysis scale."""
    table = found.tables["estimates"]
    chosen = (table["analysis"] == analysis) & (table["contrast"] == contrast) & (table["context"] == context)
    rows = table[chosen & ((table["kind"] == kind) | (not kind))]
    ((value, low, high),) = rows[["effect", "effect_low", "effect_high"]].itertuples(index=False, name=None)
    return value, low, high


def failures(found: Results) -> list[str]:
    """Return the messages of what failed."""
    table = found.tables["findings"]
    return table[table["level"] == "fail"]["message"].tolist()


def annexin(protocol: str) -> str:
    return (
        f'protocol = "{protocol}"\nplates = ["plates/annexin_*.toml"]\nfcs = "fcs/{{plate}}"\n'
        'channels = { annexin = "FITC-A", pi = "PI-A", cd45 = "APC-A" }\n'
    )


def test_the_three_shipped_assays_run_together_without_a_failure(simulated):
    found = run(read_study(simulated / "study.toml"), robust=False)
    assert failures(found) == []
    fold, low, high = effect(found, "cxcr4_dmfi", f"{IMATINIB} - vehicle")
    assert low < 2**0.8 < high
    assert fold == pytest.approx(2**0.8, rel=0.35)  # five experiments: SD .28 of a day's log2 effect gives SE .13
    _, low, high = effect(found, "migration_cxcl12", f"{IMATINIB} - vehicle")
    assert low < 8 / 3 < high
    _, low, high = effect(found, "apoptosis", f"{IMATINIB} - vehicle")
    assert low < (40 / 60) / (5 / 95) < high


def test_planted_faults_fail_their_experiment_and_the_answer_stands_both_ways(tmp_path):
    found = run(
        read_study(simulate_study(tmp_path, seed=21, cells=600, faults=("vehicle_death", "low_index"))),
        robust=False,
    )
    table = found.tables["acceptance"]
    failed = table[table["result"] == "fail"].set_index("check")["unit_id"]
    assert set(failed.loc[["vehicle_index"]]) == {"2025-04-15"}
    assert "2025-04-01" in set(failed.loc[["vehicle_death"]])
    out = found.tables["measurements"].query("excluded")
    assert set(out[out["endpoint"].str.startswith("migration")]["unit_id"]) == {"2025-04-15"}
    chosen = "analysis == 'apoptosis' and kind == 'treatment' and treatment == @IMATINIB"
    without = found.tables["estimates"].query(chosen)["n_units"]
    both = found.tables["estimates_with_excluded"].query(chosen)["n_units"]
    assert set(both) == {5}
    assert (without < 5).all()


def test_coculture_protection_finds_protection_and_reversal(simulated):
    found = results(simulated, annexin("coculture_protection"), name="coculture")
    assert failures(found) == []
    points, low, high = effect(found, "spi_points", IMATINIB, "msc_contact")
    assert low < (40 - 5) / 0.95 - (20 - 5) / 0.95 < high
    assert points > 0
    measured = found.tables["measurements"]
    assert set(measured[measured["endpoint"] == "reversal"]["qc"]) <= {"pass", "not_interpretable"}
    notes = found.tables["findings"].set_index("check")["message"]
    assert "no channel for cd90" in " ".join(notes.loc[["gate_passed_over"]])


def test_combination_finds_what_two_drugs_do_beyond_independence(simulated):
    found = results(simulated, annexin("combination"), name="combination")
    assert failures(found) == []
    excess, low, high = effect(found, "bliss_excess", f"{IMATINIB} + {STATIN}")
    single, statin, pair = ((percent - 5) / 0.95 for percent in (40.0, 15.0, 60.0))
    assert low < pair - (single + statin - single * statin / 100) < high
    assert np.isfinite(excess)


def test_dose_response_counts_living_cells_by_beads(simulated):
    # Migration plates are cells and beads in wells: here the wells of one target serve as wells of a dose plate.
    found = results(
        simulated,
        'protocol = "dose_response"\nplates = ["plates/migration_*.toml"]\nfcs = "fcs/{plate}"\n'
        'channels = { beads = "FITC-A", cd45 = "APC-A" }\n',
        name="doses",
    )
    assert failures(found) == []
    counted = found.tables["measurements"].query("endpoint == 'relative_viability'")
    assert counted["value"].notna().all()


def test_dose_response_reads_cells_counted_by_hand(tmp_path):
    rng = np.random.default_rng(5)
    doses = {"vehicle": 1.0, "imatinib 0.1 uM": 0.8, IMATINIB: 0.25}
    lines = ["experiment,treatment,viable"]
    for day in DAYS:
        grown = rng.uniform(2e5, 4e5)
        for treatment, left in doses.items():
            lines += [f"{day},{treatment},{cells:.0f}" for cells in grown * left * rng.normal(1, 0.02, 2)]
    (tmp_path / "counts.csv").write_text("\n".join(lines), encoding="utf-8")
    found = results(tmp_path, 'protocol = "dose_response"\ncounts = ["counts.csv"]\n')
    assert failures(found) == []
    percent, low, high = effect(found, "relative_viability", IMATINIB, kind="level")
    assert percent == pytest.approx(25, rel=0.05)  # 2 % noise, two wells, three days
    assert low < 25 < high


def stained(rng: np.random.Generator, path: Path, cxcr4: float) -> None:
    """Write 600 live leukaemia cells, 60 dead ones and 60 pieces of debris, CXCR4 in PE."""
    live = np.repeat([True, True, False], [600, 60, 60])
    dead = np.repeat([False, True, False], [600, 60, 60])
    forward = np.where(live, 60_000, 9_000) * np.exp(rng.normal(0, 0.15, live.size))
    light = {
        "PE-A": np.where(live, cxcr4 * np.exp(rng.normal(0, 0.3, live.size)), 0) + rng.normal(100, 25, live.size),
        "BV421-A": np.where(dead, 20_000, 80) * np.exp(rng.normal(0, 0.3, live.size)),
        "APC-A": np.where(live, 9_000, 40) * np.exp(rng.normal(0, 0.3, live.size)),
        "BV786-A": rng.normal(60, 20, live.size),
    }
    names = ("FSC-A", "FSC-H", "SSC-A", *light)
    height = 0.8 * forward * rng.normal(1, 0.02, live.size)
    values = np.column_stack([forward, height, 0.5 * forward, *light.values()]).astype(np.float32)
    unmixed = ",".join("1" if row == column else "0" for row in range(4) for column in range(4))
    keywords = {"$SPILLOVER": f"4,{','.join(light)},{unmixed}"}
    stains = ("", "", "", "CXCR4", "viability", "CD45", "CD90")
    write_fcs(events_from_array(values, names, stains=stains, keywords=keywords), path)


def test_cxcr4_internalisation_finds_what_the_ligand_takes_in_and_what_is_inside(tmp_path):
    rng = np.random.default_rng(7)
    lines = ["well,experiment,treatment,role,marker,ligand,permeabilised,file"]
    arms = {"none": ("none", "no", 900.0), "ligand": ("CXCL12", "no", 300.0), "total": ("none", "yes", 3_600.0)}
    number = 0
    for day in DAYS:
        gain = rng.uniform(0.7, 1.4)
        for ligand, inside, level in arms.values():
            for role in ("sample", "sample", "fmo"):
                number += 1
                name = f"{'ABCDEFGH'[(number - 1) // 12]}{(number - 1) % 12 + 1}"
                stained(rng, tmp_path / f"{name}.fcs", 0.0 if role == "fmo" else gain * level)
                marker = "cxcr4" if role == "fmo" else ""
                lines.append(f"{name},{day},vehicle,{role},{marker},{ligand},{inside},{name}.fcs")
    (tmp_path / "plate.csv").write_text("\n".join(lines), encoding="utf-8")
    found = results(tmp_path, 'protocol = "cxcr4_internalisation"\nplates = ["plate.csv"]\n')
    assert failures(found) == []
    taken_in, _, _ = effect(found, "cxcr4_internalisation", "vehicle", kind="level")
    assert taken_in == pytest.approx(100 * (1 - 300 / 900), abs=4)  # medians of 600 cells vary by 1.5 %
    measured = found.tables["measurements"]
    share = measured[measured["endpoint"] == "cxcr4_surface_total"]["value"]
    assert share.mean() == pytest.approx(0.25, abs=0.02)


def test_migration_from_a_table_of_counts_needs_no_file(tmp_path):
    rng = np.random.default_rng(9)
    lines = ["experiment,treatment,target,migrated,input"]
    percent = {
        ("vehicle", "medium"): 1.5,
        ("vehicle", "cxcl12"): 4.5,
        (IMATINIB, "medium"): 1.5,
        (IMATINIB, "cxcl12"): 9,
    }
    for day in DAYS:
        for (treatment, target), level in percent.items():
            migrated = 1000 * level * rng.normal(1, 0.05, 2)
            lines += [f"{day},{treatment},{target},{cells:.0f},100000" for cells in migrated]
    (tmp_path / "counts.csv").write_text("\n".join(lines), encoding="utf-8")
    found = results(tmp_path, 'protocol = "transwell_migration"\ncounts = ["counts.csv"]\n')
    assert failures(found) == []
    ratio, low, high = effect(found, "migration_cxcl12", f"{IMATINIB} - vehicle")
    assert ratio == pytest.approx(2.0, rel=0.1)  # 5 % noise, two inserts, three days
    assert low < 2.0 < high


def test_cells_counted_in_a_chamber_become_percent_of_input(tmp_path):
    lines = ["experiment,treatment,target,count,squares,dilution,volume,input_cells"]
    for day, gain in zip(DAYS, (1.0, 1.2, 0.9), strict=True):
        # 10 cells in 4 squares, diluted 2-fold, 0.6 mL: 10 / 4 * 2 * 10^4 * 0.6 = 30,000 cells
        lines.append(f"{day},vehicle,cxcl12,{10 * gain:.0f},4,2,0.6,1000000")
        lines.append(f"{day},{IMATINIB},cxcl12,{30 * gain:.0f},4,2,0.6,1000000")
        lines.append(f"{day},vehicle,medium,4,4,2,0.6,1000000")
    (tmp_path / "counts.csv").write_text("\n".join(lines), encoding="utf-8")
    found = results(tmp_path, 'protocol = "transwell_migration"\ncounts = ["counts.csv"]\n')
    rows = found.tables["measurements"].query("endpoint == 'migration_cxcl12' and unit_id == 'day 1'")
    assert rows["value"].tolist() == pytest.approx([3.0, 9.0])
    assert rows["cells"].tolist() == [10, 30]  # what was seen, not what it stands for
    ratio, _, _ = effect(found, "migration_cxcl12", f"{IMATINIB} - vehicle")
    assert ratio == pytest.approx(3.0, rel=0.01)  # 27 / 9, 30 / 10, 36 / 12


def test_a_further_marker_needs_a_protocol_and_no_code(simulated):
    recipe = (protocol_folder() / "cxcr4_surface.toml").read_text(encoding="utf-8")
    recipe = recipe.replace('"CXCR4"', '"pLyn"').replace("cxcr4", "plyn").replace("12G5", "Y397")
    (simulated / "plyn.toml").write_text(recipe, encoding="utf-8")
    (simulated / "lyn").mkdir()
    for layout in (simulated / "plates").glob("cxcr4_*.toml"):
        stained_for_lyn = layout.read_text(encoding="utf-8").replace('marker = "cxcr4"', 'marker = "plyn"')
        (simulated / "lyn" / layout.name).write_text(stained_for_lyn, encoding="utf-8")
    found = results(
        simulated,
        'protocol = "plyn.toml"\nplates = ["lyn/*.toml"]\nfcs = "fcs/{plate}"\n'
        'channels = { plyn = "PE-A", viability = "BV421-A", cd45 = "APC-A", cd90 = "BV786-A" }\n',
        name="lyn",
    )
    measured = found.tables["measurements"]
    assert {"plyn_dmfi", "plyn_log2fc", "plyn_rmfi"} <= set(measured["endpoint"])
    assert set(measured["qc"]) <= {"pass", "warn"}  # plerixafor is no matter to pLyn


def test_marker_intensity_reads_the_seven_real_wells_of_plate01(tmp_path):
    package = find_spec("FlowCytometryTools")  # found, not imported: its import warns
    assert package is not None
    assert package.origin is not None
    files = sorted((Path(package.origin).parent / "tests" / "data" / "Plate01").glob("*.fcs"))
    assert len(files) == 7
    lines = ["well,strain,treatment,file"]
    lines += [f"{path.stem.split('_')[-1]},{path.stem[:3]},vehicle,{path}" for path in files]
    (tmp_path / "plate.csv").write_text("\n".join(lines), encoding="utf-8")
    found = results(
        tmp_path,
        'protocol = "marker_intensity"\nplates = ["plate.csv"]\nchannels = { marker = "B1-A" }\n',
        unit="strain",
    )
    rows = found.tables["measurements"].query("endpoint == 'marker_median'").set_index("well")
    assert len(rows) == 7
    assert (rows.loc[["A7", "C7"], "value"] > 10_000).all()  # YFP shines in B1
    assert (rows.drop(["A7", "C7"])["value"] < 100).all()  # CFP and RFP do not


def test_adhesion_finds_what_a_drug_loosens_from_stroma(tmp_path):
    rng = np.random.default_rng(3)
    rows = ["experiment,treatment,context,adherent,input"]
    for day in DAYS:
        logit = rng.normal(-0.85, 0.2)  # about 30 %
        for treatment, shift in (("vehicle", 0.0), (IMATINIB, 0.6), ("plerixafor 10 uM", -0.9)):
            share = 1 / (1 + np.exp(-(logit + shift)))
            rows += [f"{day},{treatment},msc_contact,{rng.binomial(2000, share)},2000" for _ in range(3)]
    (tmp_path / "adhesion.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "study.toml").write_text(
        'assaykit = 1\ntitle = "Adhesion"\nunit = "experiment"\n'
        'reference = { treatment = "vehicle", context = "msc_contact" }\n\n'
        '[[assay]]\nprotocol = "adhesion"\ncounts = ["adhesion.csv"]\n',
        encoding="utf-8",
    )
    found = run(read_study(tmp_path / "study.toml"), robust=False)
    assert failures(found) == []
    odds, low, high = effect(found, "adhesion", "plerixafor 10 uM - vehicle", "msc_contact")
    assert low < np.exp(-0.9) < high
    assert odds == pytest.approx(np.exp(-0.9), rel=0.15)  # binomial noise of 6,000 cells a day: 5 %
    verdict = found.tables["comparisons"].set_index("claim")["verdict"]
    assert verdict["ES-36"] == "consistent"
