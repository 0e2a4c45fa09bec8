"""Studies with a known answer: cells, plates, faults and the truth behind them."""

from assaykit.simulate.design import DESIGNS
from assaykit.simulate.faults import FAULTS
from assaykit.simulate.semireal import semi_real_study
from assaykit.simulate.study import simulate_study
from assaykit.simulate.world import WORLDS, World, truth_rows

__all__ = ["DESIGNS", "FAULTS", "WORLDS", "World", "semi_real_study", "simulate_study", "truth_rows"]
