"""assaykit: from the raw files of a leukaemia-niche experiment to estimates and verdicts."""

from __future__ import annotations

__version__ = "0.1.0"
