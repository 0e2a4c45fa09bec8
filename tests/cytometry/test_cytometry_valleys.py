"""One peak is not "the negative one": several populations, none, bright ones and dead plates."""

from __future__ import annotations

import numpy as np
import pytest

from assaykit.cytometry.density import peaks_of
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
