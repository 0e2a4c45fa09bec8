"""Random-effects meta-analysis over runs, donors or laboratories."""

from assaykit.stats.meta.pooling import Pooled, influence, pool

__all__ = ["Pooled", "influence", "pool"]
