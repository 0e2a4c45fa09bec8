"""`Study`: what a run is given; assays (protocol + plates + counts), the experimental unit and the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assaykit.plate.model import Plate
from assaykit.protocol.gates import FixedGate, FixedScale
from assaykit.protocol.model import Protocol
from assaykit.tables import Finding

CONTEXTS = ("mono", "msc_contact", "msc_transwell", "msc_medium", "plain_medium")


@dataclass(frozen=True, slots=True)
class Reference:
    """What every treatment is compared with, within its own context."""

    treatment: str = "vehicle"
    context: str = "mono"


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the controls of one plate filled in: fixed gates, spillover, logicle w per channel role.

    `gates` serve every well of the plate; `by_treatment` overrides gates by name for wells of one treatment.
    """

    gates: tuple[FixedGate, ...] = ()
    by_treatment: Mapping[str, tuple[FixedGate, ...]] = field(default_factory=dict)
    control_readouts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assay:
    """One assay of the study. `channels` maps a role of the protocol to this cytometer's $PnN or $PnS."""

    name: str
    protocol: Protocol
    plates: tuple[Plate, ...] = ()  # wells with FCS files
    counts: tuple[Plate, ...] = ()  # rows of counts tables
    channels: Mapping[str, str] = field(default_factory=dict)
    resolved: Mapping[str, Resolved] = field(default_factory=dict)  # by plate name


@dataclass(frozen=True, slots=True)
class Study:
    """The whole study, parsed and checked: every treatment canonical, every well with its unit."""

    title: str
    unit: str  # the factor whose levels are independent
    reference: Reference
    assays: tuple[Assay, ...]
    source: Path | None = None
    seed: int = 1
    findings: tuple[Finding, ...] = ()  # what reading the study found worth saying
    primary_claims: tuple[str, ...] = ()  # claims named before the run
    claims: tuple[Path, ...] = ()  # further catalogues
    inputs: tuple[Path, ...] = ()  # every file read, for provenance
