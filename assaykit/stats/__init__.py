"""Statistics right at 3 to 6 units: estimates, mixed models, contrasts, robustness, and what feeds them."""

from __future__ import annotations

from assaykit.stats.estimate import estimate

__all__ = ["estimate"]
