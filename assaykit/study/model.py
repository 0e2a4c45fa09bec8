"""`Study`: what a run is given; assays (protocol + plates + counts), the experimental unit and the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assaykit.line import LineCatalogue
from assaykit.plate import Plate
from assaykit.protocol import FixedGate, FixedScale, Gate, Protocol
from assaykit.study.inputs import InputFile
from assaykit.tables import Finding
from assaykit.treatment import Catalogue


@dataclass(frozen=True, slots=True)
class Reference:
    """What every treatment is compared with, within its own context."""

    treatment: str = "vehicle"
    context: str = "mono"


@dataclass(frozen=True, slots=True)
class Spillover:
    """Where the light of each dye went: `matrix` is dyes x detectors, each dye's own detector at 1.

    `detectors` are $PnN; `dyes` name the compensated channels (the detectors again, unless a file says otherwise).
    """

    detectors: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]
    dyes: tuple[str, ...] = ()
    source: str = ""  # "single-stain wells", or the file and keyword it was read from
    weights: tuple[float, ...] = ()  # of the detectors, for weighted least squares; equal where left out
    notes: tuple[str, ...] = ()  # what was mended on reading it
    doubts: tuple[str, ...] = ()  # what looks wrong in it, and may be right


@dataclass(frozen=True, slots=True)
class ControlCells:
    """The cells of the control wells that serve a channel: what samples are measured against.

    `quantiles` maps a population to the channel's values at equally spaced probabilities from 0 to 1.
    """

    channel: str
    wells: tuple[str, ...]
    treatment: str
    context: str
    cells: Mapping[str, int]
    medians: Mapping[str, float]
    robust_sds: Mapping[str, float]
    quantiles: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class BeadLine:
    """log10(molecules) = slope * log10(bead intensity) + intercept, from beads of known molecules."""

    channel: str
    slope: float
    intercept: float
    residual_sd: float
    mean_log: float  # of the peaks' log10 intensity
    spread: float  # sum of squares of log10 intensity about its mean
    peaks: tuple[tuple[float, float], ...]  # (intensity, molecules)
    autofluorescence: float = 0.0  # the beads' own light in molecules: it is added to theirs before the logarithm
    left_out: tuple[float, ...] = ()  # intensities of peaks that are saturated, unresolved or no bead of the lot


@dataclass(frozen=True, slots=True)
class ResolvedPlate:
    """What the controls of one plate filled in: fixed gates, spillover, logicle w per channel role.

    `gates` serve every well of the plate. `serves` says, channel by channel, which control serves a well: a key of
    `controls`, and of `by_treatment`, which overrides gates by name for the wells that control serves. `by_well`
    overrides both for a well whose gates were set by hand.
    """

    gates: tuple[FixedGate, ...] = ()
    by_treatment: Mapping[str, tuple[FixedGate, ...]] = field(default_factory=dict)
    by_well: Mapping[str, tuple[FixedGate, ...]] = field(default_factory=dict)
    estimated: tuple[FixedGate, ...] = ()  # the gates of the plate that were set by hand, as they were estimated
    control_readouts: Mapping[str, float] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)  # channel role -> $PnN of most wells
    whole_table: bool = False  # most channels of a file are needed: read it as it lies
    spillover: Spillover | None = None  # None: each file's own, or none declared
    matrices: Mapping[str, Spillover] = field(default_factory=dict)  # further ones that single gates name
    scales: Mapping[str, FixedScale] = field(default_factory=dict)  # logicle by channel role
    serves: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # channel role -> well -> control
    controls: Mapping[str, ControlCells] = field(default_factory=dict)
    bead_lines: Mapping[str, BeadLine] = field(default_factory=dict)  # by channel role


@dataclass(frozen=True, slots=True)
class Override:
    """One thing a person set by hand: a gate, the channels of a plate, or the exclusion of wells; and why.

    `plates` maps a plate to the wells it holds for, none of them meaning the whole plate. Of two that hold for a well
    the one of greater `closeness` wins: 0 the assay, 1 a plate, 2 wells of a factor, 3 wells by name.
    """

    source: str  # the file, and its place there
    reason: str
    plates: Mapping[str, tuple[str, ...]]
    closeness: int
    gate: str = ""
    form: Gate | None = None  # the gate as it is set, or as it is to be estimated
    channels: Mapping[str, str] = field(default_factory=dict)  # channel role -> $PnN or $PnS
    exclude: bool = False
    was: Any = None  # what stood there when it was set, as written
    sha256: str = ""  # of the one well's file when it was set
    by: str = ""
    on: str = ""

    @property
    def signed(self) -> str:
        """The reason, with who and when where it was written."""
        return (
            f"{self.reason} ({signature})"
            if (signature := ", ".join(filter(None, (self.by, self.on))))
            else self.reason
        )


@dataclass(frozen=True, slots=True)
class Assay:
    """One assay of the study. `channels` maps a role of the protocol to this cytometer's $PnN or $PnS."""

    name: str
    protocol: Protocol
    plates: tuple[Plate, ...] = ()  # wells with FCS files
    counts: tuple[Plate, ...] = ()  # rows of counts tables
    statistics: tuple[Path, ...] = ()  # tables of samples that were gated elsewhere, whose numbers the wells hold
    channels: Mapping[str, str] = field(default_factory=dict)
    resolved: Mapping[str, ResolvedPlate] = field(default_factory=dict)  # by plate name
    catalogue: Catalogue = field(default_factory=Catalogue)  # the drugs of the study, with their interferences
    single_stains: tuple[Path, ...] = ()  # single stains that are no wells of a plate
    stratum: str = ""  # the level it was divided by, e.g. "line = K562"; "" for an assay that was not
    primary_stratum: bool = True  # whether claims are compared with it
    overrides: tuple[Override, ...] = ()  # what a person set by hand


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
    inputs: tuple[InputFile, ...] = ()  # every file read, as it was read
    catalogue: Catalogue = field(default_factory=Catalogue)  # the shipped drugs and the lab's own
    lines: LineCatalogue = field(default_factory=LineCatalogue)  # the shipped cell lines and the lab's own
