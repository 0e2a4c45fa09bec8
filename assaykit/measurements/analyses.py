"""Which analyses of a protocol there are values for."""

from __future__ import annotations

import pandas as pd

from assaykit.protocol import Analysis, Protocol


def analyses_with_values(protocol: Protocol, measurements: pd.DataFrame) -> tuple[Analysis, ...]:
    """Return the protocol's analyses, less those of optional endpoints this lab measured nothing for."""
    measured = set(measurements["endpoint"])
    optional = {spec.measured_as for spec in protocol.endpoints if spec.optional}
    return tuple(one for one in protocol.analyses if one.endpoint in measured or one.endpoint not in optional)
