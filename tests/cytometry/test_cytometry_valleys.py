"""One peak is not "the negative one": several populations, none, bright ones and dead plates."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from assaykit.cytometry.density import peaks_of, valley_floor
from assaykit.cytometry.valleys import Arcsinh, cut_above_mode, cut_by_mixture, cut_by_valley, histogram_of

TOP = 262144.0


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture
def unstained(rng):
    return rng.normal(20, 80, 3000)


@pytest.mark.parametrize("keep", ["above", "below"])
def test_of_three_populations_one_valley_is_taken_and_the_choice_is_a_doubt(rng, keep):
    values = np.r_[rng.normal(20, 80, 5000), 10 ** rng.normal(3.2, 0.15, 3000), 10 ** rng.normal(4.6, 0.15, 2000)]
    cut = cut_by_valley(values, keep=keep, seed=1, top=TOP)
    assert 250 < cut.value < 900 or 4e3 < cut.value < 2e4
    assert not cut.sure


def test_a_control_says_which_of_three_populations_is_negative(rng, unstained):
    values = np.r_[rng.normal(20, 80, 5000), 10 ** rng.normal(3.2, 0.15, 3000), 10 ** rng.normal(4.6, 0.15, 2000)]
    cut = cut_by_valley(values, keep="below", seed=1, control=unstained, top=TOP)
    assert cut.sure
    assert 250 < cut.value < 900


def test_stroma_that_glows_more_than_leukaemia_cells_stays_negative(rng, unstained):
    values = np.r_[rng.normal(100, 60, 6000), 10 ** rng.normal(2.8, 0.12, 1500), 10 ** rng.normal(4.2, 0.15, 700)]
    cut = cut_by_valley(values, keep="below", seed=1, control=unstained, top=TOP)
    assert 1200 < cut.value < 12_000


def test_a_plate_of_dead_cells_has_no_negative_ones_and_cannot_be_trusted(rng):
    dead = rng.lognormal(np.log(30_000), 0.35, 8000)
    cut = cut_by_valley(dead, keep="below", seed=1, top=TOP)
    assert not cut.usable
    assert "too bright" in cut.doubt


def test_nor_does_a_control_as_bright_make_them_negative(rng):
    dead = rng.lognormal(np.log(30_000), 0.35, 8000)
    assert not cut_by_valley(dead, keep="below", seed=1, control=dead[:2000], top=TOP).usable


def test_with_a_true_control_dead_cells_are_positive(rng, unstained):
    dead = rng.lognormal(np.log(30_000), 0.35, 8000)
    cut = cut_by_valley(dead, keep="below", seed=1, control=unstained, top=TOP)
    assert cut.sure
    assert (dead < cut.value).mean() < 0.001


def test_one_population_as_dim_as_the_control_is_negative(rng, unstained):
    cut = cut_by_valley(rng.normal(25, 80, 8000), keep="below", seed=1, control=unstained, top=TOP)
    assert cut.sure
    assert 180 < cut.value < 340


def test_cells_without_stain_that_lie_somewhat_above_the_control_still_part_at_the_valley(rng, unstained):
    values = np.r_[rng.normal(300, 100, 5000), 10 ** rng.normal(4, 0.3, 5000)]
    cut = cut_by_valley(values, keep="below", seed=1, control=unstained, top=TOP)
    assert cut.sure
    assert 600 < cut.value < 2500


def test_a_cut_never_lies_off_the_instrument(rng):
    values = np.r_[rng.normal(0, 40, 300), 10 ** rng.normal(3.5, 0.9, 6000)]
    for keep in ("above", "below"):
        cut = cut_by_valley(values, keep=keep, seed=1, top=TOP)
        assert values.min() <= cut.value <= values.max()


def test_populations_are_counted_as_one_sees_them(rng):
    values = np.r_[rng.normal(0, 50, 4000), 10 ** rng.normal(3, 0.1, 300), 10 ** rng.normal(4.5, 0.1, 4000)]
    assert len(peaks_of(histogram_of(Arcsinh.from_values(values).transform(values)))) == 3


def test_a_mixture_of_one_population_is_never_sure(rng):
    assert not cut_by_mixture(rng.normal(500, 60, 5000), keep="above", seed=1).sure


def test_a_percentile_of_the_negative_peak_ignores_what_lies_above(rng):
    values = np.r_[rng.normal(100, 50, 9000), rng.normal(3000, 500, 1000)]
    assert cut_above_mode(values, 2.326, seed=1).value == pytest.approx(
        100 + 2.326 * 50, rel=0.3
    )  # the mirrored half is a rough SD


@pytest.mark.parametrize(
    ("level", "sure", "trusted"), [(9000.0, True, True), (2000.0, False, True), (60.0, False, False)]
)
def test_the_only_population_is_called_positive_by_its_place_on_the_scale(rng, level, sure, trusted):
    cut = cut_by_valley(level * rng.lognormal(0, 0.3, 5000), keep="above", seed=1, top=TOP)
    assert (cut.sure, cut.usable) == (sure, trusted)


# Literal numbers: normals are laid out by their quantiles, so that no sampling error is in them.


def normal(mean: float, sd: float, cells: int = 4001) -> np.ndarray:
    return mean + sd * ndtri((np.arange(cells) + 0.5) / cells)


def test_without_a_control_the_clearest_of_several_valleys_is_taken():
    """Log-normals at 100, 1,000 and 3,000 overlap between the last two, and hardly between the first two."""
    values = np.r_[10 ** normal(2.0, 0.1), 10 ** normal(3.0, 0.16), 10 ** normal(3.7, 0.16)]
    assert 200 < cut_by_valley(values, keep="above", seed=1).value < 600


@pytest.mark.parametrize("keep", ["above", "below"])
def test_beside_one_population_alone_the_cut_stands_three_spreads_from_its_mode(keep):
    """Beyond 3 SD of a normal lie 1.35 cells of a thousand; the mode of 20,001 binned cells is a tenth of an SD off."""
    values = normal(1000.0, 10.0, 20_001)
    cut = cut_by_valley(values, keep=keep, seed=1)
    beyond = values < cut.value if keep == "above" else values > cut.value
    assert not cut.sure
    assert 0.0008 < beyond.mean() < 0.0022


@pytest.mark.parametrize(("above", "sure"), [(1.5, True), (2.6, False)])
def test_cells_within_two_spreads_of_the_control_are_as_dim_as_it_is(above, sure):
    """The control has the median 0 and the SD 50; the scale bends at 3 (P10 - P1), which is 157."""
    cut = cut_by_valley(normal(50.0 * above, 50.0), keep="below", seed=1, control=normal(0.0, 50.0))
    assert cut.sure is sure
    assert cut.low <= cut.value <= cut.high
    if sure:  # three SD beyond the mode, which lies at 75, as the scale shows them
        assert cut.value == pytest.approx(157 * np.sinh(np.arcsinh(75 / 157) + 3 * 50 / 157), rel=0.1)  # of the mode
        assert cut.low == pytest.approx(2.33 * 50, rel=0.1)  # the 99th percentile of the control


def test_a_mixture_of_two_clear_populations_is_sure_and_its_cut_lies_where_both_are_as_likely():
    """Two normals of one SD cross in the middle, or where their numbers are 2 to 1, SD ln 2 / 8 above it."""
    even = cut_by_mixture(np.r_[normal(100, 5), normal(140, 5)], keep="above", seed=1, positive=True)
    assert even.sure
    assert even.value == pytest.approx(120, abs=0.5)  # bins are 0.26 wide
    uneven = cut_by_mixture(np.r_[normal(100, 5, 8000), normal(140, 5, 4000)], keep="above", seed=1, positive=True)
    assert uneven.value == pytest.approx(120 + 5 * np.log(2) / 8, abs=0.5)
    wide = cut_by_mixture(np.r_[normal(100, 5), normal(160, 15)], keep="above", seed=1, positive=True)
    # (x - 100)^2 / 50 = (x - 160)^2 / 450 + ln 3
    assert wide.value == pytest.approx(116.3, abs=0.8)


def test_the_floor_of_a_valley_is_what_rises_by_less_than_a_hundredth_of_the_lower_peak():
    assert valley_floor(np.array([100.0, 0.0, 0.9, 0.9, 50.0, 100.0]), 0, 5) == 2
    assert valley_floor(np.array([100.0, 0.0, 1.1, 1.1, 50.0, 100.0]), 0, 5) == 1
    assert valley_floor(np.array([200.0, 100.0, 104.9, 104.9, 120.0, 200.0]), 0, 5) == 2
