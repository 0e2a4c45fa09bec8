"""Statistics of independent units: their means, contrasts, tests, adjustment, equivalence and power."""

from __future__ import annotations

from assaykit.stats.units.arms import compare_all_arms, compare_arms, means_by_arm
from assaykit.stats.units.contrast import Cell, Contrast, ContrastResult, contexts_named, place_text
from assaykit.stats.units.doubts import doubtful_values, doubts_in_words
from assaykit.stats.units.effect_size import EffectSize, hedges_g, hedges_g_paired, small_sample_correction
from assaykit.stats.units.equivalence import Equivalence, equivalence_p, tost
from assaykit.stats.units.multiplicity import Adjustment, adjusted_p_values
from assaykit.stats.units.power import MOST_UNITS, equivalence_power, paired_power, units_needed
from assaykit.stats.units.ranks import RankTest, friedman, hodges_lehmann, wilcoxon_signed_rank
from assaykit.stats.units.repeated_measures import RepeatedMeasures, greenhouse_geisser, rm_anova
from assaykit.stats.units.scales import analysis_scale, effect_from_contrast, effect_name
from assaykit.stats.units.simultaneous import (
    max_abs_t_probability,
    max_abs_t_quantile,
    single_step,
    tukey,
    tukey_probability,
)
from assaykit.stats.units.t_tests import one_sample_t, paired_t, student_t, welch_t

__all__ = [
    "MOST_UNITS",
    "Adjustment",
    "Cell",
    "Contrast",
    "ContrastResult",
    "EffectSize",
    "Equivalence",
    "RankTest",
    "RepeatedMeasures",
    "adjusted_p_values",
    "analysis_scale",
    "compare_all_arms",
    "compare_arms",
    "contexts_named",
    "doubtful_values",
    "doubts_in_words",
    "effect_from_contrast",
    "effect_name",
    "equivalence_p",
    "equivalence_power",
    "friedman",
    "greenhouse_geisser",
    "hedges_g",
    "hedges_g_paired",
    "hodges_lehmann",
    "max_abs_t_probability",
    "max_abs_t_quantile",
    "means_by_arm",
    "one_sample_t",
    "paired_power",
    "paired_t",
    "place_text",
    "rm_anova",
    "single_step",
    "small_sample_correction",
    "student_t",
    "tost",
    "tukey",
    "tukey_probability",
    "units_needed",
    "welch_t",
    "wilcoxon_signed_rank",
]
