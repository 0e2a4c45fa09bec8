"""Slopes and spectra of single stains: right on autofluorescent cells, with errors that cover, wells or a folder."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from assaykit.cytometry.compensation import compensate
from assaykit.cytometry.single_stain import single_stain_spillover, spectrum
from assaykit.cytometry.stain_files import Stain, StainFiles, stain_files
from assaykit.cytometry.unmixing import unmixing_matrix
from assaykit.errors import CompensationError, InputError
from assaykit.fcs import events_from_array, read_fcs, write_fcs
from assaykit.plate.model import Plate, Well
from assaykit.study import read_study

DETECTORS = ("A-A", "B-A", "C-A", "D-A")
SLOPES = np.array([1.0, 0.3, 0.05, 0.0])
GLOW = np.array([0.6, 0.8, 1.0, 0.5])


def tube(rng, bright, *, share=0.3, own_light=1.0, events=8000, slopes=SLOPES, names=DETECTORS):
    """Return cells of two sizes that glow by 150 and 600; a share carries a dye, and `own_light` times the glow."""
    kind = (rng.random(events) < 0.4).astype(int)
    size = np.array([5e4, 9e4])[kind] * np.exp(rng.normal(0, 0.15, events))
    glow = np.array([150.0, 600.0])[kind] * np.exp(rng.normal(0, 0.4, events)) * size / np.array([5e4, 9e4])[kind]
    stained = rng.random(events) < share
    amount = np.where(stained, bright * np.exp(rng.normal(0, 0.5, events)), 0.0)
    spectrum_of_glow = np.resize(GLOW, len(slopes))
    light = amount[:, None] * slopes + (glow * np.where(stained, own_light, 1.0))[:, None] * spectrum_of_glow
    signal = light + rng.normal(0, 1, light.shape) * np.sqrt(20.0**2 + 2.5 * light)
    scatter = np.column_stack([size, 0.5 * size * np.exp(rng.normal(0, 0.1, events))])
    return events_from_array(np.hstack([scatter, signal]).astype(np.float32), ("FSC-A", "SSC-A", *names))


@pytest.mark.parametrize(("bright", "own_light", "covers"), [(6000, 1.0, 0.97), (2000, 1.0, 0.97), (3000, 1.4, 0.9)])
def test_slopes_of_autofluorescent_cells_lie_within_two_standard_errors(bright, own_light, covers):
    inside, errors = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        stain = Stain("A-A", tube(rng, bright, own_light=own_light), "A")
        found = spectrum(stain, StainFiles((stain,), tube(rng, bright, share=0.0)), DETECTORS)
        inside.append(np.abs(found.values - SLOPES)[1:] < 2 * found.errors[1:])
        errors.append(found.values - SLOPES)
    assert np.mean(inside) >= covers
    if own_light == 1.0:  # of 60 to 600 units of glow per detector, less than a tenth is left in the slope
        assert np.abs(np.mean(errors, axis=0)).max() < 30 / bright


@pytest.mark.parametrize("bright", [2000, 6000])
def test_a_robust_line_through_stained_and_unstained_cells_errs_more_than_twice_as_much(bright):
    """Why slopes are not left to statsmodels' RLM: its line trusts the dim end, where autofluorescence tilts it."""
    from statsmodels.api import RLM, add_constant
    from statsmodels.robust.norms import TukeyBiweight

    ours, robust = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        stain, dark = Stain("A-A", tube(rng, bright), "A"), tube(rng, bright, share=0.0)
        ours.append(spectrum(stain, StainFiles((stain,), dark), DETECTORS).values - SLOPES)
        both = np.vstack([stain.events.values, dark.values])[:, 2:].astype(np.float64)
        lines = [RLM(other, add_constant(both[:, 0]), M=TukeyBiweight()).fit() for other in both.T[1:]]
        robust.append([line.params[1] for line in lines] - SLOPES[1:])
    assert np.abs(robust).mean() > 2 * np.abs(ours)[:, 1:].mean()


@pytest.mark.corpus
def test_the_slopes_of_real_single_stains_are_the_published_ones(corpus):
    folder = corpus / "plates" / "single_stains"
    with (folder / "published_matrix.csv").open(newline="") as stream:
        header, *rows = csv.reader(stream)
    published = {row[0]: np.array(row[1:], dtype=float) for row in rows}
    unstained = read_fcs(folder / "Compensation-Unstained.fcs")
    for name, detector, mean in (
        ("FITC", "Alexa Fluor 488-A", 0.001),
        ("PE", "PE-A", 0.001),
        ("7AAD", "7-AAD-A", 0.01),
    ):
        stain = Stain(detector, read_fcs(folder / f"Compensation-{name}.fcs"), name)
        found = spectrum(stain, StainFiles((stain,), unstained), header[1:])
        difference = np.abs(found.values - published[detector])
        others = np.array(header[1:]) != detector
        # 7-AAD stains few cells, which glow: the authors' own gates and the cytometer's matrix differ by .05 there.
        assert difference[others].mean() < mean
        assert (difference[others] < 2.1 * found.errors[others]).all()


def test_stained_cells_no_brighter_than_unstained_ones_are_refused_and_faint_ones_told(lab):
    rng = np.random.default_rng(1)
    dark = tube(rng, 0.0, share=0.0)
    none = Stain("A-A", tube(rng, 50.0), "H1")
    with pytest.raises(CompensationError, match="H1: a single stain must hold 100 cells that are clearly brighter"):
        spectrum(none, StainFiles((none,), dark), DETECTORS)


def test_a_tube_with_negative_cells_of_its_own_needs_no_unstained_one():
    rng = np.random.default_rng(2)
    stain = Stain("A-A", tube(rng, 30_000), "H1")
    found = spectrum(stain, StainFiles((stain,), None), DETECTORS)
    assert np.abs(found.values - SLOPES).max() < 0.01


# A folder of their own


def folder_of(tmp_path, names, keywords=None):
    rng = np.random.default_rng(3)
    folder = tmp_path / "comp"
    folder.mkdir()
    for i, name in enumerate(names):
        slopes = np.array([0.1, 0.05, 0.02, 0.01]) + np.eye(4)[i % 4] * 0.9
        dark = name in {"Unstained", "NIL"}
        events = tube(
            rng, 0.0 if dark else 20_000, share=0.0 if dark else 0.4, slopes=slopes / slopes[i % 4], events=4000
        )
        channels = tuple(replace(c, stain="CXCR4" if c.name == "B-A" else "") for c in events.channels)
        write_fcs(replace(events, channels=channels, keywords=(keywords or {}).get(name, {})), folder / f"{name}.fcs")
    return tuple(sorted(folder.glob("*.fcs")))


def test_files_of_a_folder_are_named_by_file_stain_tube_or_light_and_a_finding_says_which(lab, tmp_path):
    names = ["Comp A", "CXCR4 single", "tube 3", "tube 4", "Unstained"]
    files = folder_of(tmp_path, names, {"tube 3": {"TUBE NAME": "C Stained Control"}})
    assay, plate = lab.assay([])
    found = stain_files(replace(assay, single_stains=files), plate)
    assert [(stain.detector, stain.label) for stain in found.stains] == [
        ("A-A", "Comp A.fcs"),
        ("B-A", "CXCR4 single.fcs"),
        ("C-A", "tube 3.fcs"),
        ("D-A", "tube 4.fcs"),
    ]
    assert found.unstained is not None
    assert {f.level for f in found.findings} == {"note"}
    assert "tells no channel" in next(f.message for f in found.findings if "tube 4" in f.message)


def test_a_file_whose_name_says_another_dye_than_its_light_is_told(lab, tmp_path):
    files = folder_of(tmp_path, ["D", "Unstained"])
    assay, plate = lab.assay([])
    (told,) = stain_files(replace(assay, single_stains=files), plate).findings
    assert told.level == "warn"
    assert "D-A by its name, but A-A shines most" in told.message


def test_a_study_with_a_folder_of_single_stains_is_compensated_by_them(lab, tmp_path, surface):
    channels = {**{role: {"names": [name]} for role, name in zip(("x", "y", "z", "w"), DETECTORS, strict=True)}}
    protocol = {
        "name": "p", "title": "p", "channels": channels, "compensation": "single_stain",
        "readout": [{"statistic": "median", "population": "all", "channel": role} for role in channels],
    }  # fmt: skip
    files = folder_of(tmp_path, ["A", "B", "C", "D", "Unstained"])
    assay, _ = lab.assay([], protocol)
    spillover, findings = single_stain_spillover(
        replace(assay, single_stains=files), Plate("p", 8, 12, ()), list(channels)
    )
    assert spillover.detectors == DETECTORS
    truth = np.array([[0.1, 0.05, 0.02, 0.01]] * 4) + 0.9 * np.eye(4)
    truth = truth / np.diag(truth)[:, None]
    assert np.abs(np.array(spillover.matrix) - truth).max() < 0.005
    assert {f.check for f in findings} == {"single_stain", "single_stain_named"}


# Unmixing of full spectra


@pytest.mark.parametrize("kind", ["unmix", "unmix_weighted"])
def test_more_detectors_than_dyes_are_unmixed_into_the_amounts_that_were_mixed(lab, tmp_path, kind):
    rng = np.random.default_rng(4)
    names = tuple(f"V{i}-A" for i in range(1, 7))
    spectra = {"V1-A": np.array([1, 0.7, 0.3, 0.1, 0.05, 0.0]), "V4-A": np.array([0.0, 0.1, 0.5, 1, 0.6, 0.2])}
    wells = []
    for i, (marker, slopes) in enumerate(spectra.items()):
        events = tube(rng, 20_000, slopes=slopes, names=names)
        wells.append(Well(f"H{i + 1}", "single_stain", {"marker": marker}, tmp_path / f"H{i + 1}.fcs"))
        write_fcs(events, wells[-1].file)
    wells.append(Well("H3", "unstained", {}, tmp_path / "H3.fcs"))
    write_fcs(tube(rng, 0.0, share=0.0, slopes=spectra["V1-A"], names=names), wells[-1].file)
    mixed = tube(rng, 9_000, share=1.0, slopes=spectra["V1-A"] + 0.5 * spectra["V4-A"], names=names)
    sample = Well("A1", "sample", {"treatment": "vehicle", "context": "mono"}, tmp_path / "A1.fcs")
    write_fcs(mixed, sample.file)
    protocol = {
        "name": "p", "title": "p", "compensation": kind,
        "channels": {"red": {"names": ["V1-A"]}, "blue": {"names": ["V4-A"]}},
        "readout": [{"statistic": "median", "population": "all", "channel": role} for role in ("red", "blue")],
    }  # fmt: skip
    ran = lab.run([sample, *wells], protocol)
    spillover = ran.assay.resolved["plate 1"].spillover
    assert (len(spillover.detectors), spillover.dyes) == (6, ("V1-A", "V4-A", "autofluorescence"))
    assert np.abs(np.array(spillover.matrix)[:2] - np.array(list(spectra.values()))).max() < 0.005
    assert bool(spillover.weights) == (kind == "unmix_weighted")
    assert ran.value("A1", "red_median") == pytest.approx(9_000, rel=0.03)  # a median of 8,000 cells: 0.7 %
    assert ran.value("A1", "blue_median") == pytest.approx(4_500, rel=0.03)
    told = [f for f in ran.findings if f.check == "unmixing"]
    assert [f.level for f in told] == ["note", "note"]
    assert "unexplained" in told[1].message
    signals = mixed.values[:, 2:].astype(float)
    rebuilt = compensate(signals, spillover) @ np.array(spillover.matrix)
    assert np.linalg.norm(signals - rebuilt) / np.linalg.norm(signals) < 0.02


def test_a_dye_without_single_stain_shows_as_a_residual(lab, tmp_path):
    rng = np.random.default_rng(5)
    names = tuple(f"V{i}-A" for i in range(1, 7))
    known, unknown = np.array([1, 0.7, 0.3, 0.1, 0.05, 0.0]), np.array([0.0, 0.0, 0.1, 0.4, 1.0, 0.6])
    files = {
        "H1": (tube(rng, 20_000, slopes=known, names=names), "single_stain", {"marker": "V1-A"}),
        "H2": (tube(rng, 0.0, share=0.0, slopes=known, names=names), "unstained", {}),
        "A1": (tube(rng, 9_000, share=1.0, slopes=known + unknown, names=names), "sample", {"treatment": "vehicle"}),
    }
    for name, (events, _, _) in files.items():
        write_fcs(events, tmp_path / f"{name}.fcs")
    wells = [Well(name, role, factors, tmp_path / f"{name}.fcs") for name, (_, role, factors) in files.items()]
    protocol = {
        "name": "p", "title": "p", "compensation": "unmix", "channels": {"red": {"names": ["V1-A"]}},
        "readout": [{"statistic": "median", "population": "all", "channel": "red"}],
    }  # fmt: skip
    told = [f for f in lab.run(wells, protocol).findings if f.check == "unmixing"][-1]
    assert told.level == "warn"
    assert "in V5-A" in told.message


def test_unmixing_names_what_it_lacks(lab):
    assay, plate = lab.assay([], compensation="unmix")
    with pytest.raises(CompensationError, match="single_stains"):
        unmixing_matrix(assay, plate, ["cxcr4"])


STUDY = """assaykit = 1
title = "t"
unit = "experiment"
[[assay]]
protocol = "marker_intensity"
plates = ["layout.csv"]
fcs = "fcs"
single_stains = "comp"
channels = { marker = "A-A" }
"""


@pytest.mark.parametrize(
    ("line", "compensation"),
    [("", "single_stain"), ('compensation = "unmix"\n', "unmix"), ('compensation = "none"\n', "none")],
)
def test_a_study_that_names_a_folder_of_single_stains_uses_them_unless_it_says_otherwise(tmp_path, line, compensation):
    files = folder_of(tmp_path, ["A", "Unstained"])
    (tmp_path / "fcs").mkdir()
    (tmp_path / "fcs" / "A1.fcs").write_bytes(files[0].read_bytes())
    (tmp_path / "layout.csv").write_text("well,experiment,treatment\nA1,e1,vehicle\n")
    (tmp_path / "study.toml").write_text(STUDY + line)
    (assay,) = read_study(tmp_path / "study.toml").assays
    assert assay.single_stains == files
    assert assay.protocol.compensation == compensation


def test_single_stains_that_are_not_there_are_a_fault(tmp_path):
    (tmp_path / "layout.csv").write_text("well,experiment,treatment,file\nA1,e1,vehicle,A1.fcs\n")
    (tmp_path / "study.toml").write_text(STUDY)
    with pytest.raises(InputError, match="the files of 'single_stains' must exist"):
        read_study(tmp_path / "study.toml")
