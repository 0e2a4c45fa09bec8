"""Random-effects meta-analysis over runs, donors or laboratories."""

from assaykit.stats.meta.pooling import PooledEstimate, influence, pool

__all__ = ["PooledEstimate", "influence", "pool"]
