"""`Protocol`: the recipe of one assay, from channel roles to analyses, as frozen pydantic models."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from assaykit.protocol.gates import Gate

Scale = Literal["log2", "log", "logit", "identity"]
Adjust = Literal["holm", "bh", "tukey", "dunnett", "none"]


class Model(BaseModel):
    """Frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ChannelRole(Model):
    """What a channel is for, and the $PnN or $PnS it usually has; the study's `channels` overrides `names`."""

    names: tuple[str, ...] = ()
    marker: str = ""  # e.g. "CXCR4"; empty for scatter, viability and tracker channels
    clone: str = ""  # antibody clone, for interferences such as 12G5 with plerixafor
    required: bool = True


class Readout(Model):
    """One raw number per well: a statistic of a channel in a population, or a count of a population.

    `statistic` is a key of cytometry's READOUTS, e.g. count, median, robust_cv, geometric_mean, percent_positive.
    The readout's name defaults to `<channel>_<statistic>`, or `<population>_count`.
    """

    statistic: str
    population: str
    channel: str = ""
    name: str = ""

    @property
    def read_as(self) -> str:
        """The readout's name in READOUTS."""
        return self.name or f"{self.channel or self.population}_{self.statistic}"


class EndpointSpec(Model):
    """One endpoint: a key of ENDPOINTS, and the channel or populations it is formed from."""

    endpoint: str  # key of ENDPOINTS, e.g. dmfi, percent_migrated, specific_apoptosis
    name: str = ""  # name in MEASUREMENTS; defaults to <channel>_<endpoint> or <endpoint>
    channel: str = ""
    populations: dict[str, str] = Field(default_factory=dict)  # e.g. {cells = "cml", beads = "beads"}
    options: dict[str, str | float | bool] = Field(default_factory=dict)
    optional: bool = False  # where the assay holds nothing to form it from, a note instead of a warning

    @property
    def measured_as(self) -> str:
        """The endpoint's name in MEASUREMENTS."""
        return self.name or (f"{self.channel}_{self.endpoint}" if self.channel else self.endpoint)


class Contrast(Model):
    """A contrast by name, beyond the families: (treatment - comparator) in context, minus the same in another."""

    name: str
    treatment: str
    comparator: str
    context: str = "mono"
    comparator_context: str = ""


class Analysis(Model):
    """One analysis of one endpoint of MEASUREMENTS: model, families of contrasts, adjustment."""

    name: str
    endpoint: str
    scale: Scale = "identity"
    families: tuple[Literal["treatment", "pairwise", "context", "interaction", "level"], ...] = (
        "treatment",
        "interaction",
    )
    contrasts: tuple[Contrast, ...] = ()
    adjust: Adjust = "holm"
    primary: bool = False
    equivalence: float | None = None  # half-width of the equivalence interval on the analysis scale
    offset: str = ""
    model: Literal["lmm", "nested_lmm", "paired_t", "nb_glmm", "betabinomial_glmm"] = "lmm"


class Criterion(Model):
    """One acceptance criterion: a quantity of a plate or unit against a limit."""

    check: str  # key of endpoints.CRITERIA, e.g. vehicle_death
    limit: float
    level: Literal["warn", "fail"] = "warn"
    drop: bool = False  # whether a failed unit or well is left out of the estimates


class Quality(Model):
    """Limits of the cell-level checks; `exclude` names the checks that drop events."""

    min_cells: int = 200
    min_beads: int = 1000
    max_margin_fraction: float = 0.05
    max_doublet_fraction: float = 0.25
    max_drift: float = 0.2
    max_contamination: float = 0.05
    exclude: tuple[Literal["time", "margin"], ...] = ()


class Protocol(Model):
    """The recipe of one assay."""

    assaykit: Literal[1] = 1
    name: str
    title: str
    channels: dict[str, ChannelRole] = Field(default_factory=dict)
    compensation: str = "file"  # "file", "none", "single_stain", or a path to a CSV
    gates: tuple[Gate, ...] = Field(default=(), alias="gate")
    readouts: tuple[Readout, ...] = Field(default=(), alias="readout")
    endpoints: tuple[EndpointSpec, ...] = Field(default=(), alias="endpoint")
    analyses: tuple[Analysis, ...] = Field(default=(), alias="analysis")
    acceptance: tuple[Criterion, ...] = ()
    quality: Quality = Quality()
