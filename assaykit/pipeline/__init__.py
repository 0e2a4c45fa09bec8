"""The only place that knows all the sciences: a study in, results out."""

from assaykit.pipeline.measure import Progress
from assaykit.pipeline.run import run

__all__ = ["Progress", "run"]
