"""Scaled values: amplifiers and gains undone, Time in seconds; the stored value always within reach."""

from __future__ import annotations

import numpy as np
import pytest
from fcs.encoder import Recipe

from assaykit.fcs import REPAIRS, Channel, Keywords, read_fcs
from assaykit.fcs.scale import scaled_range


def scaled(tmp_path, value, *, kind="I", bits=16, top=1024, name="FL1-H", **words):
    declared = {f"$P1{key}" if len(key) == 1 else f"${key}": text for key, text in words.items()}
    path = tmp_path / "one.fcs"
    path.write_bytes(Recipe([[value]], kind, [bits], [top], [name], declared=declared).bytes())
    assert read_fcs(path, scale=False).values.tolist() == [[value]]
    events = read_fcs(path)
    return float(events.values[0, 0]), {repair.name for repair in events.repairs}


def test_a_log_amplifier_is_undone(tmp_path):
    """FCS 3.1, 3.2.20: $PnE 4,1 and $PnR 1024 give 10**(4 x / 1024)."""
    assert scaled(tmp_path, 512, E="4,1") == (100.0, set())
    assert scaled(tmp_path, 0, E="4.0,0.1024")[0] == pytest.approx(0.1024, rel=1e-7)  # float32
    assert scaled(tmp_path, 768, E=" 4.0 , 0.01 ")[0] == pytest.approx(10.0, rel=1e-7)


def test_an_offset_of_zero_is_read_as_one_and_said(tmp_path):
    assert scaled(tmp_path, 512, E="4,0") == (100.0, {"log_offset_zero"})


def test_decimal_commas_and_semicolons_in_an_amplifier_are_understood(tmp_path):
    assert scaled(tmp_path, 512, E="4,0,1,0")[0] == 100.0
    assert scaled(tmp_path, 512, E="4;1")[0] == 100.0
    assert scaled(tmp_path, 512, E="log") == (512.0, {"amplifier_unreadable"})


def test_wide_integers_are_computed_where_narrow_ones_are_looked_up(tmp_path):
    wide = scaled(tmp_path, 1 << 19, bits=32, top=1 << 20, E="4,1")[0]
    assert wide == pytest.approx(100.0, rel=1e-7)


def test_a_linear_gain_is_divided_out_of_integers_and_floats(tmp_path):
    assert scaled(tmp_path, 512, G="2")[0] == 256.0
    assert scaled(tmp_path, 500.5, kind="F", bits=32, top=262144, G="0.5")[0] == 1001.0
    assert scaled(tmp_path, 512, G="0")[0] == 512.0


def test_floats_with_a_log_amplifier_are_linear_already_and_this_is_said(tmp_path):
    assert scaled(tmp_path, 512.5, kind="F", bits=32, E="4,1") == (512.5, {"log_on_float"})


@pytest.mark.parametrize("name", ["Time", "TIME", "time"])
def test_time_is_seconds_and_knows_no_gain(tmp_path, name):
    assert scaled(tmp_path, 250, name=name, G="0.01", TIMESTEP="0.01")[0] == pytest.approx(2.5)
    assert scaled(tmp_path, 250, name=name, G="0.01")[0] == 250.0


def test_a_parameter_of_type_time_is_time_whatever_its_name(tmp_path):
    assert scaled(tmp_path, 250, name="Clock", P1TYPE="Time", TIMESTEP="0.1")[0] == pytest.approx(25.0)
    assert scaled(tmp_path, 250, name="Timer", G="10", TIMESTEP="0.1")[0] == 25.0  # not time: only its gain


@pytest.mark.parametrize("name", ["TIME2", "Time1", "Timer", "Time-W", "FITC"])
def test_only_time_is_time(tmp_path, name):
    assert scaled(tmp_path, 250, name=name, G="10", TIMESTEP="0.1") == (25.0, set())


@pytest.mark.parametrize(
    ("written", "step", "names"),
    [
        ("0,1", 0.1, {"decimal_comma"}),
        (",01", 0.01, {"decimal_comma"}),
        (" 0.1 ", 0.1, set()),
        ("1E-2", 0.01, set()),
        ("0.1 s", 1.0, {"number_unusable"}),
        ("0", 1.0, {"number_unusable"}),
        ("-1", 1.0, {"number_unusable"}),
        ("nan", 1.0, {"number_unusable"}),
        ("1_0", 1.0, {"number_unusable"}),
    ],
)
def test_a_timestep_is_read_or_said_to_be_unusable(tmp_path, written, step, names):
    value, repairs = scaled(tmp_path, 250, name="Time", TIMESTEP=written)
    assert value == pytest.approx(250 * step, rel=1e-6)  # float32
    assert repairs == names
    assert scaled(tmp_path, 250, name="FL1", TIMESTEP=written) == (250.0, set())  # nothing counts in it


def test_a_gain_with_a_decimal_comma_is_divided_out_and_said(tmp_path):
    assert scaled(tmp_path, 250, G="0,5") == (500.0, {"decimal_comma"})


def test_a_log_amplifier_without_a_range_is_left_as_stored_and_this_is_a_warning(tmp_path):
    for top in ("0", "1,024", "\0absent"):
        value, names = scaled(tmp_path, 512, E="4,1", R=top)
        assert value == 512.0
        assert "log_without_range" in names
    assert REPAIRS["log_without_range"].level == "warn"


def test_the_range_of_scaled_values(tmp_path):
    words = Keywords({"$TIMESTEP": "0.01"})

    def top(name="FL1", *, gain=1.0, decades=0.0, offset=0.0):
        return scaled_range(Channel(1, name, "", 1024.0, 16, gain, decades, offset, None), words)

    assert (top(), top(gain=2.0), top(decades=4.0, offset=0.1), top("Time", gain=8.0)) == (1024, 512, 1000, 10.24)


def test_scaled_values_do_not_depend_on_which_channels_are_read(tmp_path):
    rows = [[n, 3 * n, 5 * n] for n in range(200)]
    words = {"$P1E": "4,1", "$P2G": "4", "$TIMESTEP": "0.5"}
    path = tmp_path / "three.fcs"
    path.write_bytes(Recipe(rows, "III", [16] * 3, [1024] * 3, ["FL1", "FSC", "Time"], declared=words).bytes())
    every = read_fcs(path).values
    for place, name in enumerate(["FL1", "FSC", "Time"]):
        alone = read_fcs(path, [name]).values
        np.testing.assert_array_equal(alone[:, 0], every[:, place])
        assert alone.flags.f_contiguous
    assert not every.flags.writeable
