"""Receptors per cell in a run: a well of calibration beads and its lot, named once in the study file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assaykit.errors import StudyError
from assaykit.fcs import events_from_array, write_fcs
from assaykit.pipeline import run
from assaykit.results import Results
from assaykit.study import read_study

SAMPLE = Path(__file__).parents[2] / "sample_data" / "cml_niche" / "fcs"
LOT = (474.0, 5359.0, 23843.0, 62336.0)
PER_MFI = 2.5  # molecules per unit of intensity on this cytometer
WELLS = {"A1": ("vehicle", "sample"), "A3": ("vehicle", "fmo"), "B1": ("imatinib 1 uM", "sample"),
         "B3": ("imatinib 1 uM", "fmo")}  # fmt: skip


def beads(path: Path) -> None:
    """Write 900 beads of each lot value, 8 % apart, and some dirt."""
    rng = np.random.default_rng(1)
    pe = np.concatenate([value / PER_MFI * np.exp(rng.normal(0, 0.08, 900)) for value in LOT])
    events = np.column_stack([np.full(pe.size, 2e4), pe]).astype(np.float32)
    write_fcs(events_from_array(events, ("FSC-A", "PE-A")), path)


def study(folder: Path, *, lot: str = 'bead_lot = "lot.csv"', with_beads: bool = True) -> Path:
    (folder / "lot.csv").write_text("molecules\n" + "\n".join(f"{value:g}" for value in LOT), encoding="utf-8")
    (folder / "plates").mkdir()
    for day in ("E1", "E2"):
        beads(folder / f"beads_{day}.fcs")
        lines = ["well,treatment,role,marker,file,experiment"]
        for well, (treatment, role) in WELLS.items():
            marker = "cxcr4" if role == "fmo" else ""
            lines.append(f"{well},{treatment},{role},{marker},{SAMPLE / f'cxcr4_{day}' / f'{well}.fcs'},{day}")
        lines += [f"H12,,beads,cxcr4,../beads_{day}.fcs,{day}"] if with_beads else []
        (folder / "plates" / f"{day}.csv").write_text("\n".join(lines), encoding="utf-8")
    (folder / "study.toml").write_text(
        'assaykit = 1\ntitle = "A test"\nunit = "experiment"\n\n[[assay]]\nprotocol = "cxcr4_surface"\n'
        f'plates = ["plates/*.csv"]\n{lot}\nchannels = {{ cxcr4 = "PE-A", viability = "BV421-A", cd45 = "APC-A" }}\n',
        encoding="utf-8",
    )
    return folder / "study.toml"


def values(found: Results, endpoint: str) -> np.ndarray:
    table = found.tables["measurements"]
    return table[table["endpoint"] == endpoint].sort_values(["plate", "well"])["value"].to_numpy(float)


def test_receptors_are_dmfi_on_the_line_of_the_study_s_bead_lot(tmp_path):
    found = run(read_study(study(tmp_path)), robust=False)
    receptors = values(found, "cxcr4_receptors")
    assert len(receptors) == 4
    assert receptors == pytest.approx(PER_MFI * values(found, "cxcr4_dmfi"), rel=0.03)  # medians of 900 beads at 8 %
    estimates = found.tables["estimates"].query("analysis == 'cxcr4_receptors'")
    assert estimates["effect"].notna().any()
    assert "lot.csv" in {Path(each["path"]).name for each in found.provenance["inputs"]}


def test_without_beads_nothing_is_said_of_receptors_but_one_note(tmp_path):
    found = run(read_study(study(tmp_path, lot="", with_beads=False)), robust=False)
    assert not found.tables["readouts"]["readout"].str.contains("receptors").any()
    assert "cxcr4_receptors" not in set(found.tables["estimates"]["analysis"])
    said = found.tables["findings"]
    assert said[said["message"].str.contains("receptors")]["level"].tolist() == ["note"]


def test_a_lot_without_bead_wells_is_a_finding_and_a_missing_lot_is_refused(tmp_path):
    (tmp_path / "one").mkdir()
    found = read_study(study(tmp_path / "one", with_beads=False))
    assert "bead_lot_unused" in {finding.check for finding in found.findings}
    (tmp_path / "two").mkdir()
    path = study(tmp_path / "two", lot='bead_lot = "lots.csv"')
    with pytest.raises(StudyError, match=r"bead_lot.*no file 'lots.csv'.*write 'lot.csv'"):
        read_study(path)
