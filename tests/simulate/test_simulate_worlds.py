"""What a world or a fault says of its cells is in the files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from assaykit.cli.app import app
from assaykit.errors import StudyError
from assaykit.fcs import read_fcs
from assaykit.simulate import FAULTS, WORLDS, semi_real_study, simulate_study
from assaykit.simulate.appearance import HONEST, TOP

PLAIN_FORWARD = 62_000
CELLS = 1_500


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return a function that writes a study of a world once, with few cells, and gives the columns of a well."""
    folder = tmp_path_factory.mktemp("worlds")

    def columns(well, world="textbook", *faults):
        path = folder / "_".join((world, *faults))
        if not path.exists():
            simulate_study(path, seed=5, world=world, cells=CELLS, faults=faults)
        events = read_fcs(path / "fcs" / f"{well}.fcs")
        return {name: events.values[:, i] for i, name in enumerate(events.names)} | {"events": events}

    return columns


def annexin_positive(well):
    return (well["FITC-A"] > 2_000) & (well["APC-A"] > 2_500)  # leukaemia cells: the dim limits are a tenth of these


def living(well):
    return (well["FITC-A"] < 1_000) & (well["APC-A"] > 2_500)


def test_saturated_events_stand_at_the_end_of_forward_scatter_and_nothing_lies_beyond_it(study):
    well = study("annexin_E1/B1", "saturated")
    assert np.mean(well["FSC-A"] == TOP) == pytest.approx(0.01, abs=0.008)  # 3 SE of 1 % of 1,600
    assert well["FSC-A"].max() == TOP
    assert (study("annexin_E1/B1")["FSC-A"] < TOP).all()


def test_cells_of_two_sizes_have_two_scatter_modes(study):
    def upper(well):
        return np.percentile(well["FSC-A"][living(well)], 80) / np.median(well["FSC-A"][living(well)])

    assert upper(study("annexin_E1/A1", "sizes")) > 1.05 * upper(study("annexin_E1/A1"))


@pytest.mark.parametrize(("world", "multiple"), [("textbook", 50 / 62), ("shrunken", 0.5)])
def test_dying_cells_have_the_scatter_that_the_world_says(world, multiple, study):
    well = study("annexin_E1/B1", world)
    dying = well["FSC-A"][annexin_positive(well)]
    assert np.median(dying) / PLAIN_FORWARD == pytest.approx(multiple, rel=0.05)


def test_a_quarter_of_the_late_cells_is_swollen_and_clear(study):
    well = study("annexin_E1/B1", "swollen")
    late = annexin_positive(well) & (well["PI-A"] > 5_000)
    swollen = well["FSC-A"][late] / well["SSC-A"][late] > 2.5  # living 2.1, late 1.4, swollen 4.1
    assert np.mean(swollen) == pytest.approx(0.25, abs=0.1)


def test_debris_touches_the_cells_or_is_not_there(study):
    def shares(well):
        pieces = (well["APC-A"] < 2_000) & (well["FSC-A"] < TOP)
        return np.mean(pieces), np.mean(pieces & (well["FSC-A"] > 25_000)), well["FSC-A"].min()

    share, touching, least = shares(study("annexin_E1/A1", "touching_debris"))
    assert share == pytest.approx(0.165, abs=0.04)  # 20 pieces per 100 cells
    assert touching > 0.02
    assert least >= 5_000, "the instrument has a threshold"
    assert shares(study("annexin_E1/A1"))[1] < 0.01
    assert shares(study("annexin_E1/A1", "no_debris"))[0] < 0.005


def test_the_dim_marker_is_as_dim_as_the_cells_and_their_light_follows_the_treatment(study):
    def median(well, channel):
        return np.median(well[channel][well["APC-A"] > 2_500])

    bright, dim = (median(study("cxcr4_E1/A1", world), "PE-A") for world in ("textbook", "dim"))
    assert dim < 0.6 * bright
    vehicle, statin = (median(study(f"cxcr4_E1/{row}3", "dim"), "PE-A") for row in "AF")  # FMO: autofluorescence
    assert statin / vehicle == pytest.approx(1.4, abs=0.2)  # (110 x 1.6 + spill) / (110 + spill), spill of CD45: 36


def test_plates_differ_in_brightness_and_a_plate_keeps_its_own(study):
    def bright(world):
        wells = [[study(f"cxcr4_E{day}/{well}", world)["APC-A"] for well in ("A1", "B1")] for day in range(1, 6)]
        return np.log2([[np.median(values[values > 1_000]) for values in plate] for plate in wells])

    assert bright("textbook").std() < 0.1
    differing = bright("differing_plates")
    assert differing.mean(axis=1).std() > 0.4
    assert np.abs(np.diff(differing)).max() < 0.2


def test_dead_plates_are_dead_in_every_well_and_the_truth_says_so(study):
    for row in "AF":
        well = study(f"annexin_E3/{row}1", "dead_plates")
        cells = well["APC-A"] > 2_500
        assert np.mean(annexin_positive(well)[cells]) > 0.9
        surface = study(f"cxcr4_E3/{row}1", "dead_plates")
        assert np.mean(surface["BV421-A"][surface["FSC-A"] > 25_000] > 4_000) > 0.9
    assert set(WORLDS["dead_plates"].apoptosis.values()) == {(98.0, 98.0)}


def test_the_standard_world_has_all_of_it_and_says_when_each_file_was_begun(study):
    assert set(WORLDS["reviews"].appearance) == set(HONEST)
    well = study("annexin_E1/B1", "reviews")
    assert (well["FSC-A"] == TOP).any()
    assert np.median(well["FSC-A"][annexin_positive(well)]) < 0.6 * PLAIN_FORWARD
    begun = [study(f"annexin_E1/{name}", "reviews")["events"].keywords["$BTIM"] for name in ("A1", "A2", "B1")]
    assert begun == sorted(begun)
    assert begun[0] == "09:00:00"


FAULT_SIGNS = {
    "dead_plate": ("annexin_E2/A1", lambda w: np.mean(annexin_positive(w)[w["APC-A"] > 2_500]), (0.9, 1.0)),
    "bright_plate": ("cxcr4_E3/A1", lambda w: np.median(w["APC-A"][w["APC-A"] > 1_000]), (20_000, 35_000)),
    "dim_stain": ("cxcr4_E4/A1", lambda w: np.median(w["PE-A"][w["APC-A"] > 2_500]), (140, 260)),
    "autofluorescent_drug": ("cxcr4_E2/F3", lambda w: np.median(w["PE-A"][w["APC-A"] > 2_500]), (480, 640)),
    "saturated_scatter": ("annexin_E4/A1", lambda w: np.mean(w["FSC-A"] == TOP), (0.06, 0.1)),
    "much_debris": ("annexin_E5/A1", lambda w: np.mean(w["APC-A"] < 2_000), (0.4, 0.6)),
    "no_debris": ("annexin_E1/A1", lambda w: np.mean(w["FSC-A"] < 25_000), (0.0, 0.01)),
}


@pytest.mark.parametrize("fault", FAULT_SIGNS)
def test_a_planted_fault_is_in_its_wells_and_the_plain_ones_are_without(fault, study):
    well, sign, (low, high) = FAULT_SIGNS[fault]
    assert low <= sign(study(well, "textbook", fault)) <= high
    assert not low <= sign(study(well)) <= high


def test_a_signal_drop_dims_a_tenth_of_one_run_at_constant_flow(study):
    well = study("cxcr4_E1/B1", "textbook", "signal_drop")
    cells = well["APC-A"] > 2_500
    place = np.arange(len(cells)) / len(cells)
    inside = (place >= 0.6) & (place < 0.7)
    ratio = np.median(well["PE-A"][cells & inside]) / np.median(well["PE-A"][cells & ~inside])
    assert ratio == pytest.approx(0.4, abs=0.08)
    counts = np.histogram(well["Time"], 10)[0]
    assert counts.std() / counts.mean() < 0.15


def test_carried_cells_come_first_and_time_runs_on(study):
    well = study("cxcr4_E3/B3", "textbook", "carry_over")
    first = len(well["PE-A"]) - len(study("cxcr4_E3/B3")["PE-A"])
    assert first > 100
    cells = well["APC-A"] > 2_500
    medians = [np.median(part) for part in (well["PE-A"][:first][cells[:first]], well["PE-A"][first:][cells[first:]])]
    assert medians[0] > 3 * medians[1]
    assert (np.diff(well["Time"]) >= 0).all()


def test_every_world_and_fault_is_listed_without_a_folder():
    answer = CliRunner().invoke(app, ["simulate", "--list"])
    assert answer.exit_code == 0
    assert all(f"world {name}: {world.meaning}" in answer.output for name, world in WORLDS.items())
    assert all(f"fault {name}: {fault.meaning}" in answer.output for name, fault in FAULTS.items())


def test_without_a_folder_and_without_list_the_answer_says_what_is_missing():
    answer = CliRunner().invoke(app, ["simulate"])
    assert answer.exit_code == 2
    assert "name a new folder" in " ".join(answer.output.replace("│", " ").split())


def test_half_real_wells_hold_the_real_events_and_the_planted_share(tmp_path):
    # Simulated wells stand for real ones here: three files of one panel.
    source = simulate_study(tmp_path / "real", seed=8, cells=5_000).parent / "fcs" / "annexin_E1"
    path = semi_real_study(tmp_path / "half", source, seed=2, cells=600)
    planted = pd.read_csv(path.parent / "planted.csv")
    assert set(planted["plate"]) == {f"{kind}_E{day}" for kind in ("annexin", "cxcr4") for day in (1, 2, 3)}
    rows = planted[planted["plate"].str.startswith("annexin")]
    stained = path.read_text().split('annexin = "')[1].split('"')[0]
    for row in rows.to_dict("records"):
        events = read_fcs(path.parent / "fcs" / row["plate"] / f"{row['well']}.fcs")
        assert row["cells"] == len(events), "without manual gates every event is a cell"
        light = events.values[:, events.names.index(stained)]
        limit = np.median(light) + 6 * (np.median(light) - np.percentile(light, 16))
        if row["treatment"] == "vehicle":  # the share that stands out of the channel is the share planted
            assert np.mean(light > limit) == pytest.approx(row["positive"] / row["cells"], abs=0.03)
    share = rows.assign(share=rows["positive"] / rows["cells"]).groupby("treatment")["share"].mean()
    assert share["vehicle"] == pytest.approx(0.05, abs=0.025)  # the day moves it by up to .3 on the logit scale
    assert share["imatinib 1 uM"] == pytest.approx(0.4, abs=0.12)


def test_half_real_wells_never_share_an_event(tmp_path):
    source = simulate_study(tmp_path / "real", seed=8, cells=8_000).parent / "fcs" / "annexin_E1"
    path = semi_real_study(tmp_path / "half", source, seed=2, cells=300)
    events = [read_fcs(file).values[:, :3] for file in sorted((path.parent / "fcs").glob("*_E1/*.fcs"))]
    scatter = np.concatenate(events)  # as read: nothing is planted on it
    assert len(np.unique(scatter, axis=0)) == len(scatter)


def test_a_folder_without_fcs_files_or_with_too_few_events_is_refused(tmp_path):
    with pytest.raises(StudyError, match="must hold readable FCS files"):
        semi_real_study(tmp_path / "half", tmp_path, seed=1)
    source = simulate_study(tmp_path / "real", seed=8, cells=300).parent / "fcs" / "annexin_E1"
    with pytest.raises(StudyError, match="must give 200 events"):
        semi_real_study(tmp_path / "half", source, seed=1)


def test_the_share_planted_on_real_cells_is_above_the_real_ones(corpus, tmp_path):
    path = semi_real_study(tmp_path / "half", corpus / "plates" / "activation", seed=1, cells=1_500)
    planted = pd.read_csv(path.parent / "planted.csv")
    rows = planted[planted["plate"].str.startswith("annexin")]
    assert (rows["cells"] < 1_500).all(), "the manual gates keep about 60 %"
    assert rows.groupby("treatment")["positive"].sum()["imatinib 1 uM"] > rows["positive"].min() > 0


def test_a_small_design_writes_the_same_wells_but_one_per_arm(tmp_path):
    whole, small = (
        simulate_study(tmp_path / name, seed=5, design=name, cells=200).parent for name in ("whole", "small")
    )
    kept, every = ({path.relative_to(folder) for path in folder.glob("fcs/*/*.fcs")} for folder in (small, whole))
    assert kept < every
    plates = sorted({path.parent.name for path in kept})
    assert plates == sorted(f"{kind}_E{day}" for kind in ("annexin", "cxcr4", "migration") for day in (1, 2, 3, 4))
    wells = {path.stem for path in kept if path.parent.name == "annexin_E1"}
    assert wells == {f"{row}{column}" for row in "ABCDEFG" for column in (1, 4)} | {"H1"}
    layout = (small / "plates" / "annexin_E1.toml").read_text()
    assert "A2" not in layout


def test_an_unknown_design_names_those_there_are(tmp_path):
    with pytest.raises(StudyError, match="use one of whole, small"):
        simulate_study(tmp_path, seed=1, design="huge")


def test_what_each_event_is_stands_beside_its_file_where_asked(tmp_path):
    path = simulate_study(tmp_path / "study", seed=1, world="textbook", design="small", cells=300, memberships=True)
    file = path.parent / "fcs" / "annexin_E1" / "B1.fcs"
    truth = pd.read_csv(file.with_name("B1.manual.csv.gz")).astype(bool)
    events = read_fcs(file)
    assert len(truth) == len(events)
    forward = events.values[:, events.names.index("FSC-A")]
    annexin = events.values[:, events.names.index("FITC-A")]
    assert np.median(forward[~truth["cells"]]) < 0.3 * np.median(forward[truth["cells"]])
    dying = truth["cml"] & ~truth["annexin_negative"]
    assert np.median(annexin[dying]) > 10 * np.median(annexin[truth["cml"] & truth["annexin_negative"]])
    assert (truth["singlets"] <= truth["cells"]).all()
    assert (truth["cml"] <= truth["singlets"]).all()
