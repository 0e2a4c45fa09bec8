"""Evidence: claims of reviews, judged by a lab's own estimates, and kept over runs in a ledger."""

from __future__ import annotations

from assaykit.evidence.claims import Claim, Need, Paper, Test, read_catalogues, read_claims
from assaykit.evidence.compare import compare
from assaykit.evidence.independence import count_papers, papers
from assaykit.evidence.ledger import Ledger, Outcome, read_ledger, update_ledger
from assaykit.evidence.pooling import cumulative, matrix, pool_ledger, readable
from assaykit.evidence.runs import Run, run_from_results
from assaykit.evidence.schema import claims_schema
from assaykit.evidence.verdicts import VERDICTS, Verdict
from assaykit.evidence.zhang2007 import compare_size, worked_example

__all__ = [
    "VERDICTS",
    "Claim",
    "Ledger",
    "Need",
    "Outcome",
    "Paper",
    "Run",
    "Test",
    "Verdict",
    "claims_schema",
    "compare",
    "compare_size",
    "count_papers",
    "cumulative",
    "matrix",
    "papers",
    "pool_ledger",
    "read_catalogues",
    "read_claims",
    "read_ledger",
    "readable",
    "run_from_results",
    "update_ledger",
    "worked_example",
]
