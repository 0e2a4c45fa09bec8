"""Studies with a known answer: cells, plates, faults and the truth behind them."""

from assaykit.simulate.faults import FAULTS
from assaykit.simulate.study import simulate_study
from assaykit.simulate.world import WORLDS, World, truth_rows

__all__ = ["FAULTS", "WORLDS", "World", "simulate_study", "truth_rows"]
