"""A real plate nobody here made: the seven wells of Plate01 inside FlowCytometryTools, a fluorescent protein each."""

from __future__ import annotations

import numpy as np
import pytest

from assaykit.fcs import read_fcs
from assaykit.interop import test_data_folder as plate01
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
