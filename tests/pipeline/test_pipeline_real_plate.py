"""A real plate nobody here made: the seven wells of Plate01 inside FlowCytometryTools, a fluorescent protein each."""

from __future__ import annotations

import numpy as np
import pytest

from assaykit.fcs import read_fcs
from assaykit.interop import fc_example_folder as plate01
from assaykit.pipeline import run
from assaykit.study import read_study

WELLS = {"A3": "RFP", "A6": "RFP", "B3": "RFP", "A7": "YFP", "C7": "YFP", "A4": "CFP", "B4": "CFP"}


def write_study(folder, channel):
    """Write a marker-intensity study of the seven wells: colour of the protein is the line, culture is the unit."""
    seen: dict[str, int] = {}
    rows = ["well,culture,treatment,context,line,file"]
    for well, protein in WELLS.items():
        seen[protein] = seen.get(protein, 0) + 1
        rows.append(f"{well},r{seen[protein]},vehicle,mono,{protein},{plate01() / f'{protein}_Well_{well}.fcs'}")
    (folder / "plate01.csv").write_text("\n".join(rows) + "\n")
    (folder / "study.toml").write_text(
        'assaykit = 1\ntitle = "Fluorescent proteins in E. coli"\nunit = "culture"\n'
        'reference = { treatment = "vehicle", context = "mono" }\n\n'
        '[[assay]]\nprotocol = "marker_intensity"\nplates = ["plate01.csv"]\n'
        f'channels = {{ marker = "{channel}" }}\n'
    )
    return folder / "study.toml"


# CFP has no such channel: in V2-A the brightest YFP well outshines the dimmer CFP well.
@pytest.mark.parametrize(("channel", "protein"), [("Y2-A", "RFP"), ("B1-A", "YFP")])
def test_each_protein_shines_in_its_own_channel(tmp_path, channel, protein):
    results = run(read_study(write_study(tmp_path, channel)))
    failed = results.tables["findings"].query("level == 'fail'")
    assert failed.empty, failed.to_string()
    readouts = results.tables["readouts"].query("readout == 'marker_median'").set_index("well")["value"]
    assert set(readouts.index) == set(WELLS)
    own = [readouts[well] for well, made in WELLS.items() if made == protein]
    others = [readouts[well] for well, made in WELLS.items() if made != protein]
    assert min(own) > max(others)


def test_readouts_rest_on_the_cells_the_gates_kept(tmp_path):
    results = run(read_study(write_study(tmp_path, "Y2-A")))
    populations = results.tables["populations"]
    every = populations[populations["parent"] == "all"].groupby("well")["events"].max()
    for well, protein in WELLS.items():
        events = read_fcs(plate01() / f"{protein}_Well_{well}.fcs", ["Y2-A"])
        assert 0 < every[well] <= len(events)
    cells = results.tables["readouts"].query("readout == 'marker_median'")["cells"]
    assert (cells.to_numpy(dtype=int) > 200).all()
    medians = results.tables["readouts"].query("readout == 'marker_median'")["value"]
    assert np.isfinite(medians).all()


def attune_study(folder, corpus, channel="BL2-A"):
    """Write a study of the Attune plate: columns 5 and 6 are two cultures, rows one strain each."""
    rows = ["well,culture,treatment,line"]
    rows += [f"{row}{column},c{column},vehicle,strain {row}" for row in "ABCDEFGH" for column in (5, 6)]
    (folder / "attune.csv").write_text("\n".join(rows) + "\n")
    files = (corpus / "fcs" / "mccleanlab__flow_cytometry_tools").as_posix()
    (folder / "study.toml").write_text(
        'assaykit = 1\ntitle = "Yeast on an Attune"\nunit = "culture"\nfactors = ["line"]\n\n'
        f'[[assay]]\nprotocol = "marker_intensity"\nplates = ["attune.csv"]\nfcs = "{files}"\n'
        f'channels = {{ marker = "{channel}" }}\n'
    )
    return folder / "study.toml"


@pytest.mark.corpus
def test_the_sixteen_wells_of_an_attune_plate_are_measured(tmp_path, corpus):
    results = run(read_study(attune_study(tmp_path, corpus)))
    failed = results.tables["findings"].query("level == 'fail'")
    assert failed.empty, failed.to_string()
    medians = results.tables["readouts"].query("readout == 'marker_median'").set_index("well")["value"]
    assert set(medians.index) == {f"{row}{column}" for row in "ABCDEFGH" for column in (5, 6)}
    assert np.isfinite(medians).all()


@pytest.mark.corpus
def test_a_channel_the_plate_does_not_have_fails_every_well_and_is_named(tmp_path, corpus):
    results = run(read_study(attune_study(tmp_path, corpus, channel="BL9-A")))
    failed = results.tables["findings"].query("level == 'fail'")
    assert failed["message"].str.contains("BL9-A").any(), failed.to_string()
    assert results.tables["estimates"]["estimate"].isna().all()
