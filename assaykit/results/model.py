"""`Results`: the study as resolved, the tables and the provenance of one run. Only values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from assaykit.study import Study


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """One run. `tables` holds the frames of tables.TABLES by name and any further named tables."""

    study: Study
    tables: Mapping[str, pd.DataFrame]
    provenance: Mapping[str, Any] = field(default_factory=dict)
