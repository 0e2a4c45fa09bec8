"""Evidence: claims of reviews, judged by a lab's own estimates, and kept over runs in a ledger."""

from __future__ import annotations

from assaykit.evidence.claims import Claim, Need, Paper, Test, claims_schema, read_catalogues, read_claims
from assaykit.evidence.compare import compare
from assaykit.evidence.verdicts import VERDICTS, Verdict

__all__ = [
    "VERDICTS",
    "Claim",
    "Need",
    "Paper",
    "Test",
    "Verdict",
    "claims_schema",
    "compare",
    "read_catalogues",
    "read_claims",
]
