"""Dose-response curves, shifts of their IC50 between arms, and synergy of two drugs: of arrays, tables and runs."""

from assaykit.stats.dose.curves import dose_response_table
from assaykit.stats.dose.response import Curves, Ic50, fit_curve, fit_curves, ic50, predicted
from assaykit.stats.dose.shift import curve_table, extra_sum_of_squares, unit_shift
from assaykit.stats.dose.synergies import synergy_table
from assaykit.stats.dose.synergy import SynergyModel, surface_synergy, surface_table

__all__ = [
    "Curves",
    "Ic50",
    "SynergyModel",
    "curve_table",
    "dose_response_table",
    "extra_sum_of_squares",
    "fit_curve",
    "fit_curves",
    "ic50",
    "predicted",
    "surface_synergy",
    "surface_table",
    "synergy_table",
    "unit_shift",
]
