"""assaykit: from the raw files of a leukaemia-niche experiment to estimates and verdicts.

>>> import assaykit
>>> assaykit.read_protocol("cxcr4_surface").title
'Surface CXCR4 on leukaemia cells'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assaykit.evidence import read_claims
    from assaykit.fcs import Events, read_fcs, write_fcs
    from assaykit.pipeline import run
    from assaykit.protocol import read_protocol
    from assaykit.report import write_report
    from assaykit.results import Results, read_results, write_results
    from assaykit.study import Study, read_study

_HOMES = {
    "Events": "fcs",
    "Results": "results",
    "Study": "study",
    "read_claims": "evidence",
    "read_fcs": "fcs",
    "read_protocol": "protocol",
    "read_results": "results",
    "read_study": "study",
    "run": "pipeline",
    "write_fcs": "fcs",
    "write_report": "report",
    "write_results": "results",
}

__all__ = [
    "Events",
    "Results",
    "Study",
    "read_claims",
    "read_fcs",
    "read_protocol",
    "read_results",
    "read_study",
    "run",
    "write_fcs",
    "write_report",
    "write_results",
]


def __getattr__(name: str) -> Any:
    """Return a public name from its package, imported when first asked for, so that a start costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'assaykit' has no attribute {name!r}")
    return getattr(import_module(f"assaykit.{_HOMES[name]}"), name)
