"""AnnData from events: cells x channels with the channel table and keywords, for single-cell notebooks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from assaykit.errors import InputError
from assaykit.fcs import Events


def anndata_from_events(events: Events) -> Any:
    """Return an AnnData of the events: X is events x channels, var holds $PnS and $PnR, uns the keywords.

    Raises InputError where the optional package anndata is not installed.
    """
    try:
        import anndata
    except ImportError as error:
        raise InputError(
            "the package anndata must be installed for this", "none", "", "python -m pip install anndata"
        ) from error
    var = pd.DataFrame(
        {"stain": [c.stain for c in events.channels], "range": [c.range for c in events.channels]},
        index=list(events.names),
    )
    obs = pd.DataFrame(index=[str(row) for row in range(len(events))])
    return anndata.AnnData(X=np.array(events.values), obs=obs, var=var, uns={"keywords": dict(events.keywords)})
