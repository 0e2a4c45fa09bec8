"""`ENDPOINTS`: every endpoint by name, and the endpoint behind a name of MEASUREMENTS such as cxcr4_dmfi."""

from __future__ import annotations

from assaykit.endpoints.death import DEATH
from assaykit.endpoints.growth import GROWTH
from assaykit.endpoints.intensity import INTENSITY
from assaykit.endpoints.model import BOUNDS, ODDS_BESIDE_POINTS, Endpoint
from assaykit.endpoints.motility import MOTILITY
from assaykit.endpoints.phenotype import PHENOTYPE

ENDPOINTS: dict[str, Endpoint] = {
    endpoint.name: endpoint for endpoint in (*INTENSITY, *PHENOTYPE, *MOTILITY, *DEATH, *GROWTH)
}


def endpoint_measured_as(name: str) -> tuple[Endpoint, str] | None:
    """Return the endpoint behind a name of MEASUREMENTS and the channel before it; None for a name of a lab's own.

    >>> [(endpoint.name, channel) for endpoint, channel in map(endpoint_measured_as, ("cxcr4_total_dmfi", "spi"))]
    [('total_dmfi', 'cxcr4'), ('spi', '')]
    """
    if name in ENDPOINTS:
        return ENDPOINTS[name], ""
    # The longest end goes first: total_dmfi is no dmfi
    ends = sorted((key for key in ENDPOINTS if name.endswith(f"_{key}")), key=len, reverse=True)
    return (ENDPOINTS[ends[0]], name.removesuffix(f"_{ends[0]}")) if ends else None


def equivalence_bound(name: str, scale: str, *, beside_points: bool = False) -> float | None:
    """Return the half-width, on the analysis scale, of what counts as no effect on an endpoint of MEASUREMENTS.

    On a scale of ratios it is that of the scale (BOUNDS), else the endpoint's own, in its unit; None for the latter
    where the name is a lab's own or differences in its unit depend on the instrument, as those of MFI do. The bound on
    odds is wider where the difference in points is bounded as well (`beside_points`).

    >>> equivalence_bound("cxcr4_dmfi", "log2"), equivalence_bound("cxcr4_dmfi", "identity")
    (0.3, None)
    >>> equivalence_bound("spi", "identity"), equivalence_bound("cxcr4_internalisation", "identity")
    (0.1, 10.0)
    """
    if scale == "logit" and beside_points:
        return ODDS_BESIDE_POINTS
    for known, bound in BOUNDS.items():
        if known == scale:
            return bound
    found = endpoint_measured_as(name)
    return found[0].bound if found else None
