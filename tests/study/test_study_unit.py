"""The unit decides what n is: names that cannot be independent are refused, doubtful ones are told."""

from __future__ import annotations

import pytest

from assaykit.errors import AssaykitError
from assaykit.study import read_study


def study(folder, unit):
    rows = [f"{unit},treatment,context,adherent,input"]
    rows += [f"u{n},{drug},mono,{300 + n},1000" for n in (1, 2, 3) for drug in ("vehicle", "imatinib 1 uM")]
    (folder / "counts.csv").write_text("\n".join(rows) + "\n")
    path = folder / "study.toml"
    path.write_text(
        f'assaykit = 1\ntitle = "Units"\nunit = "{unit}"\n\n[[assay]]\nprotocol = "adhesion"\ncounts = ["counts.csv"]\n'
    )
    return path


@pytest.mark.parametrize("unit", ["experiment", "donor", "passage", "culture"])
def test_an_independent_unit_passes_without_a_word(tmp_path, unit):
    assert [f.check for f in read_study(study(tmp_path, unit)).findings] == []


@pytest.mark.parametrize("unit", ["replicate", "tube"])
def test_a_unit_whose_name_fits_technical_repeats_is_told(tmp_path, unit):
    (finding,) = read_study(study(tmp_path, unit)).findings
    assert (finding.level, finding.check) == ("warn", "unit_doubtful")
    assert "name the experiment or donor instead" in finding.message


@pytest.mark.parametrize("unit", ["well", "cell", "event"])
def test_wells_and_cells_are_never_a_unit(tmp_path, unit):
    with pytest.raises(AssaykitError, match="never counted as n"):
        read_study(study(tmp_path, unit))
