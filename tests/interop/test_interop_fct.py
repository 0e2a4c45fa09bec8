"""FlowCytometryTools as the front door for its users: its plates and gates in, the same cells, its plates back."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from assaykit.cli.fct import app
from assaykit.cytometry.scales import raw_values, transformed_values
from assaykit.errors import GateError, InputError, LayoutError
from assaykit.interop import (
    Hlog,
    fc_example_folder,
    fc_plate_from_results,
    gates_from_fc_gates,
    load,
    plate_from_fc_plate,
    read_fc_gates,
    read_fc_plate,
)
from assaykit.pipeline import run
from assaykit.protocol import read_protocol
from assaykit.protocol.gates import BooleanGate, IntervalGate
from assaykit.results import read_results, write_results
from assaykit.study import read_study

PLATES = fc_example_folder().parent
SAMPLE = Path(__file__).parents[2] / "sample_data" / "cml_niche" / "study.toml"
SCRIPT = """\
from FlowCytometryTools import FCPlate, IntervalGate, PolyGate, QuadGate, ThresholdGate
raise SystemExit("this script is never run")
plate = FCPlate.from_dir(ID='Demo Plate', path='Plate01', parser='name')
plate = plate.transform('hlog', channels=['Y2-A', 'B1-A', 'V2-A'], b=500.0)
cut = 5000.0
red = ThresholdGate(cut, ['Y2-A'], region='above')
gate2 = PolyGate([(2.000e+03, -1.000e+03), (9.000e+03, -1.000e+03), (9.000e+03, 6.000e+03), (2.000e+03, 3.000e+03)], ('Y2-A', 'B1-A'), region='in', name='gate2')
mid = IntervalGate((6e4, 1.2e5), 'SSC-A', region='in')
ends = IntervalGate((0, 2000.0), 'V2-A', region='out')
quad = QuadGate((1000.0, 500.0), ['Y2-A', 'B1-A'], region='top left')
outside = PolyGate([(0, 0), (1e5, 0), (5e4, 2e5)], ['FSC-A', 'SSC-A'], region='out')
both = red & ~mid
either = ~red | quad
odd = red ^ gate2
print(plate.gate(outside).gate(gate2).counts())
"""  # noqa: E501 - as the viewer prints a gate
DRAWN = ("red", "gate2", "mid", "ends", "quad", "outside", "both", "either", "odd")


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("script") / "gates.py"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(script, tmp_path_factory):
    """Return the study that the command writes of the eleven files on two plates."""
    folder = tmp_path_factory.mktemp("fct") / "study"
    plates = [part for name in ("Plate01", "Plate02") for part in ("--plate", PLATES / name)]
    command("init", folder, *plates, "--gates", script)
    return folder


@pytest.fixture(scope="module")
def results(folder):
    return run(read_study(folder / "study.toml"), robust=False)


def command(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def counts_of_its_own():
    """Return how many cells FlowCytometryTools' own gates keep: population -> (plate, well) -> cells."""
    package = load()
    makers = {name: getattr(package, name) for name in ("IntervalGate", "PolyGate", "QuadGate", "ThresholdGate")}
    lines = [line for line in SCRIPT.splitlines() if line.split(" ")[0] in (*DRAWN, "cut")]
    exec("\n".join(lines), makers)  # here, and only here, the statements run
    found = {name: {} for name in (*DRAWN, "outside_gate2")}
    for plate in ("Plate01", "Plate02"):
        for key, well in read_fc_plate(PLATES / plate).items():
            shown = well.transform("hlog", channels=["Y2-A", "B1-A", "V2-A"], b=500.0)
            for name in DRAWN:
                found[name][plate, key] = len(makers[name](shown.data))
            found["outside_gate2"][plate, key] = len(makers["gate2"](makers["outside"](shown.data)))
    return found


@pytest.mark.filterwarnings("ignore")  # FlowCytometryTools reads and transforms here, and is of another day
def test_a_run_keeps_the_cells_that_its_own_gates_keep_in_all_eleven_files(results):
    table = results.tables["populations"].set_index(["population", "plate", "well"])["events"]
    for population, counts in counts_of_its_own().items():
        assert len(counts) == 11
        assert table[population].to_dict() == counts, population


def test_every_population_has_a_share_and_no_well_is_lost(results):
    shares = results.tables["measurements"].set_index(["endpoint", "plate", "well"])["value"]
    events = results.tables["populations"].set_index(["population", "plate", "well"])["events"]
    assert shares["red_percent_of_parent", "Plate01", "A3"] == pytest.approx(
        100 * events["red", "Plate01", "A3"] / events["all", "Plate01", "A3"], rel=1e-12
    )
    assert shares["outside_gate2_percent_of_parent", "Plate01", "B3"] == pytest.approx(
        100 * events["outside_gate2", "Plate01", "B3"] / events["outside", "Plate01", "B3"], rel=1e-12
    )
    assert not {"file_unreadable", "file_missing", "well_unusable"} & set(results.tables["findings"]["check"])


def test_a_run_gives_the_plate_back_gated_as_the_run_gated_it(results):
    back = fc_plate_from_results(results, "Plate01", population="red")
    table = results.tables["populations"].query("plate == 'Plate01' and population == 'red'")
    assert back.counts(output_format="dict") == dict(zip(table["well"], table["events"], strict=True))
    assert back.shape == (8, 12)
    assert back.get_positions()["C7"] == ("C", 7)
    assert (back["A3"].data["Y2-A"] >= Hlog().raw(5000.0)).all()


def test_a_plate_of_the_sample_comes_back_compensated_and_gated():
    study = read_study(SAMPLE)
    assay = study.assays[0]
    plate = replace(assay.plates[0], wells=assay.plates[0].wells[:6])
    results = run(replace(study, assays=(replace(assay, plates=(plate,)),)), robust=False)
    back = fc_plate_from_results(results, plate.name, population="live")
    table = results.tables["populations"].query("population == 'live'").set_index("well")["events"]
    assert (table > 100).all()
    assert back.counts(output_format="dict") == table.to_dict()


def test_the_commands_write_a_protocol_and_show_a_plate(folder, script, tmp_path):
    command("gates", script, "--to", tmp_path / "mine.toml")
    assert {gate.name for gate in read_protocol(str(tmp_path / "mine.toml")).gates} > set(DRAWN)
    with pytest.raises(GateError, match="must not be there yet"):
        command("gates", script, "--to", tmp_path / "mine.toml")
    out = write_results(run(read_study(folder / "study.toml"), robust=False), tmp_path / "results")
    drawn = tmp_path / "plate.png"
    options = ("--population", "gate2", "--plot", drawn, "--channel", "Y2-A", "--channel", "B1-A", "--hlog", "Y2-A")
    output = command("plate", out, "Plate01", *options)
    events = read_results(out).tables["populations"].query("population == 'gate2' and well == 'B3'")["events"].item()
    assert f"{events:,}" in output
    assert drawn.stat().st_size > 5_000  # an empty figure of this size has some 2,000 bytes
    with pytest.raises(GateError, match="one or two"):
        command("plate", out, "Plate01", "--plot", drawn, "--channel", "Z9-A")


@given(st.floats(-9_000, 10_000), st.floats(7, 2_000))
def test_hlog_is_the_hyperlog_of_gating_ml(shown, b):
    hlog = Hlog(b=b)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = float(load().core.transforms.hlog_inv(shown, b=b, r=1e4, d=Hlog().decades))
    assert hlog.raw(shown) == pytest.approx(theirs, rel=1e-12, abs=1e-9)
    # Where raw values cross zero both are rounded to their own last digits: 1e-6 of an intensity.
    assert raw_values([hlog.position(shown)], hlog.scale())[0] == pytest.approx(theirs, rel=1e-9, abs=1e-6)
    assert transformed_values([theirs], hlog.scale())[0] == pytest.approx(hlog.position(shown), abs=1e-9)


def test_hlog_with_a_b_that_no_hyperlog_has_is_refused():
    with pytest.raises(GateError, match=r"at least 6\.26"):
        Hlog(b=6.0).scale()


def test_an_interval_holds_its_upper_end_as_its_own_does():
    gate = load().IntervalGate((10.0, 20.0), ["x"], region="in", name="i")
    (ours,) = gates_from_fc_gates({"i": gate})
    assert isinstance(ours, IntervalGate)
    assert 20.0 < ours.high < 20.000005  # the next float32


def test_a_complement_is_an_operand_and_outside_a_population_of_its_own():
    package = load()
    a, b = (package.ThresholdGate(1.0, ["x"], region="above", name=name) for name in "ab")
    found = {gate.name: gate for gate in gates_from_fc_gates({"a": a, "both": a & ~b, "neither": ~(a | b)})}
    assert found["both"] == BooleanGate(name="both", operation="and", of=("a", "not b"))
    assert found["neither"] == BooleanGate(name="neither", operation="not", of=("a_or_b",))
    assert list(found)[-2:] == ["a_or_b", "neither"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "must make gates"),
        ("x = (", "must be Python"),
        ("g = ThresholdGate(find_cut(), 'Y2-A', region='above')", "what stands in the script"),
        ("g = ThresholdGate(1.0, 'Y2-A', region='beyond')", "region must be one of"),
        ("g = IntervalGate((5, 1), 'Y2-A', region='in')", "must be larger"),
        ("g = PolyGate([(0, 0), (1, 1)], 'Y2-A')", "two channels"),
        ("g = ThresholdGate(float('nan'), 'Y2-A', region='above')", "what stands in the script"),
        ("a = ThresholdGate(1, 'x', 'above')\na = ThresholdGate(2, 'x', 'above')", "two names"),
        ("p = s.transform('tlog', channels=['x'])\na = ThresholdGate(1, 'x', 'above')", "tlog for x"),
        ("p = s.transform('glog')\na = ThresholdGate(1, 'x', 'above')", "glog for x"),
        ("p = s.transform('hlog', b=1)\nq = s.transform('hlog', b=2)\na = ThresholdGate(1, 'x', 'above')", "one scale"),
        ("(" * 5_000, "must be Python"),
        ("a = ThresholdGate(1, 'x', 'above')\0", "must be Python"),
    ],
)
def test_a_script_that_cannot_be_read_is_refused_in_a_sentence(text, message, tmp_path):
    path = tmp_path / "gates.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(GateError, match=message):
        read_fc_gates(path)


def test_hlog_of_every_channel_holds_for_every_gate(tmp_path):
    path = tmp_path / "gates.py"
    path.write_text("s = s.transform('hlog')\ng = ThresholdGate(5e3, 'any', region='below')\n", encoding="utf-8")
    (gate,) = read_fc_gates(path).gates
    assert gate.value == pytest.approx(Hlog().raw(5e3), rel=1e-12)
    assert gate.side == "below"


def test_plates_are_read_by_the_parsers_it_has(tmp_path):
    source = (fc_example_folder() / "RFP_Well_A3.fcs").read_bytes()
    for number in (1, 9, 96):
        (tmp_path / f"day.{number}.fcs").write_bytes(source)
    plate = plate_from_fc_plate(read_fc_plate(tmp_path, parser="number"))
    assert [well.name for well in plate.wells] == ["A1", "A2", "H12"]  # numbers run down the columns


def test_files_that_share_a_well_are_refused_where_it_would_keep_the_last():
    with pytest.raises(LayoutError, match="4 files for 1 wells by the parser 'number'"):
        read_fc_plate(PLATES / "Plate02", parser="number")


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["x.fcs"], {}, "must name its well"),
        (["Well_Z9.fcs"], {}, "must name its well"),
        ([], {}, "must have FCS files"),
        (["Well_A1.fcs"], {"parser": "guess"}, "must be one of name, number, read"),
    ],
)
def test_a_folder_that_is_no_plate_is_refused_in_a_sentence(names, options, message, tmp_path):
    for name in names:
        (tmp_path / name).write_bytes(b"FCS3.0")
    with pytest.raises(InputError, match=message):
        read_fc_plate(tmp_path, **options)


def test_a_study_is_not_written_over(folder, script):
    with pytest.raises(InputError, match="a folder without one"):
        command("init", folder, "--plate", PLATES / "Plate01", "--gates", script)


def test_a_plate_or_population_the_run_does_not_have_is_named_beside_those_it_has(results):
    with pytest.raises(LayoutError, match=r"there are Plate01 \(gates\), Plate02 \(gates\)"):
        fc_plate_from_results(results, "Plate9")
    with pytest.raises(GateError, match="'blue'; all, red"):
        fc_plate_from_results(results, "Plate01", population="blue")
