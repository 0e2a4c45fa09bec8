"""Several lines in one assay: each with its own reference and estimates, none averaged with another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assaykit.errors import Faults, StudyError
from assaykit.pipeline import run
from assaykit.protocol import protocol_folder
from assaykit.results import Results, read_results, write_results
from assaykit.study import read_study

DAYS = ("day 1", "day 2", "day 3", "day 4")
LINES = {"K562": (40.0, 2.0), "HL-60": (10.0, 0.5)}  # % of input that migrates, and imatinib's ratio
IMATINIB = "imatinib 1 uM"


def table(line: str = "line") -> str:
    """Return counts of inserts whose migration imatinib doubles in K562 and halves in HL-60."""
    rng = np.random.default_rng(8)
    lines = [f"experiment,{line},treatment,target,migrated,input"]
    for day in DAYS:
        for name, (percent, ratio) in LINES.items():
            for treatment, times in (("vehicle", 1.0), (IMATINIB, ratio)):
                for target, share in (("cxcl12", 1.0), ("medium", 0.25)):
                    cells = 1000 * percent * share * times * rng.normal(1, 0.05, 2)
                    lines += [f"{day},{name},{treatment},{target},{each:.0f},100000" for each in cells]
    return "\n".join(lines)


def study(folder: Path, keys: str, *, counts: str = "") -> Path:
    (folder / "counts.csv").write_text(counts or table(), encoding="utf-8")
    (folder / "study.toml").write_text(
        'assaykit = 1\ntitle = "A test"\nunit = "experiment"\n\n'
        f'[[assay]]\nprotocol = "transwell_migration"\ncounts = ["counts.csv"]\n{keys}\n',
        encoding="utf-8",
    )
    return folder / "study.toml"


@pytest.fixture(scope="module")
def by_line(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return run(read_study(study(tmp_path_factory.mktemp("lines"), 'by = ["line"]')))


def ratios(found: Results) -> dict[str, float]:
    rows = found.tables["estimates"].query(f"analysis == 'migration_cxcl12' and contrast == '{IMATINIB} - vehicle'")
    return dict(zip(rows["stratum"], rows["effect"], strict=True))


def test_each_line_is_estimated_against_its_own_vehicle(by_line):
    found = ratios(by_line)
    assert list(found) == ["line = K562", "line = HL-60"]
    for line, (_, ratio) in LINES.items():
        assert found[f"line = {line}"] == pytest.approx(ratio, rel=0.08)  # 5 % noise, two inserts, four days
    assert by_line.tables["estimates"].columns[-1] == "stratum"
    assert set(by_line.tables["estimates"]["n_units"].dropna()) == {4}


def test_levels_are_no_longer_mixed_and_robustness_is_told_line_by_line(by_line):
    assert not {"levels_mixed", "factor_averaged"} & set(by_line.tables["findings"]["check"])
    assert set(by_line.tables["robustness"]["assay"]) == {"transwell_migration_K562", "transwell_migration_HL-60"}


def test_without_by_the_finding_names_the_key_that_divides_them(tmp_path):
    found = run(read_study(study(tmp_path, "")), robust=False)
    assert list(ratios(found)) == [""]
    said = found.tables["findings"].query("check == 'levels_mixed'")["message"]
    assert said.str.contains('by = ["line"]', regex=False).all()


def test_claims_are_compared_with_the_first_level_or_the_one_that_is_named(by_line, tmp_path):
    named = run(read_study(study(tmp_path, 'by = ["line"]\nprimary_stratum = "hl-60"')), robust=False)
    effects = [found.tables["comparisons"].set_index("claim")["effect"].dropna() for found in (by_line, named)]
    assert len(effects[0])
    assert (effects[0] != effects[1].reindex(effects[0].index)).all()
    first = by_line.tables["estimates"].query("stratum == 'line = K562'")["effect"]
    assert effects[0].isin([*first, *(1 / first)]).all()


def test_strata_are_written_and_read_back(by_line, tmp_path):
    write_results(by_line, tmp_path / "out")
    again = read_results(tmp_path / "out")
    assert again.tables["estimates"].equals(by_line.tables["estimates"])
    assert [assay.stratum for assay in again.study.assays] == ["line = K562", "line = HL-60"]


def test_the_wells_of_a_plate_go_to_their_line_and_its_controls_to_every_line(tmp_path):
    sample = Path(__file__).parents[2] / "sample_data" / "cml_niche" / "fcs"
    for day in ("E1", "E2"):
        lines = ["well,treatment,line,role,marker,file,experiment"]
        for row, treatment in (("A", "vehicle"), ("B", IMATINIB)):
            for column, line in ((1, "K562"), (2, "HL-60"), (3, "")):
                control = "fmo,cxcr4" if column == 3 else "sample,"
                file = sample / f"cxcr4_{day}" / f"{row}{4 if line == 'HL-60' else column}.fcs"
                lines.append(f"{row}{column},{treatment},{line},{control},{file},{day}")
        (tmp_path / f"{day}.csv").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "study.toml").write_text(
        'assaykit = 1\ntitle = "A test"\nunit = "experiment"\n\n[[assay]]\nprotocol = "cxcr4_surface"\n'
        'plates = ["E*.csv"]\nby = "line"\nchannels = { cxcr4 = "PE-A", viability = "BV421-A", cd45 = "APC-A" }\n',
        encoding="utf-8",
    )
    found = run(read_study(tmp_path / "study.toml"), robust=False)
    wells = found.tables["measurements"].query("endpoint == 'cxcr4_dmfi'")
    assert wells.groupby("assay")["well"].agg(list).to_dict() == {
        "cxcr4_surface_K562": ["A1", "B1"] * 2,
        "cxcr4_surface_HL-60": ["A2", "B2"] * 2,
    }
    assert wells["value"].notna().all()  # the FMO wells name no line and serve both
    rows = found.tables["estimates"].query(f"analysis == 'cxcr4_dmfi' and contrast == '{IMATINIB} - vehicle'")
    means = wells.assign(y=np.log2(wells["value"])).groupby(["assay", "treatment"])["y"].mean().unstack()
    wanted = (means[IMATINIB] - means["vehicle"])[rows["assay"]]
    assert rows["estimate"].to_numpy() == pytest.approx(wanted.to_numpy())


def test_what_cannot_divide_an_assay_is_refused_in_words(tmp_path):
    with pytest.raises(StudyError, match="'by' must name a factor other than unit, treatment and context"):
        read_study(study(tmp_path, 'by = ["treatment"]'))
    with pytest.raises(StudyError, match=r"every sample well must name its line.*add the column 'line'"):
        read_study(study(tmp_path, 'by = ["line"]', counts=table("donor")))
    with pytest.raises(StudyError, match="write 'line = K562'"):
        read_study(study(tmp_path, 'by = ["line"]\nprimary_stratum = "line = K56"'))
    with pytest.raises((StudyError, Faults), match="'primary_stratum' must stand with 'by'"):
        read_study(study(tmp_path, 'primary_stratum = "K562"'))


def test_what_a_contrast_compares_cannot_be_divided(tmp_path):
    contrast = (
        '[[analysis.contrasts]]\nname = "lines"\ntreatment = "vehicle"\ncomparator = "vehicle"\n'
        'factor = "line"\nlevel = "K562"\ncomparator_level = "HL-60"\n'
    )
    shipped = (protocol_folder() / "transwell_migration.toml").read_text(encoding="utf-8")
    place = shipped.index("\n\n", shipped.index('name = "migration_cxcl12"'))
    (tmp_path / "mine.toml").write_text(shipped[:place] + "\n\n" + contrast + shipped[place:], encoding="utf-8")
    path = study(tmp_path, "")
    path.write_text(path.read_text().replace('"transwell_migration"', '"mine.toml"') + 'by = ["line"]\n')
    with pytest.raises(StudyError, match="lines compares levels of line"):
        read_study(path)
    path.write_text(path.read_text().replace('by = ["line"]\n', ""))
    row = run(read_study(path), robust=False).tables["estimates"].query("contrast == 'lines'").iloc[0]
    assert row["effect"] == pytest.approx(4.0, rel=0.08)  # 40 against 10 % of the input
