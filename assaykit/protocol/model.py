"""`Protocol`: the recipe of one assay, from channel roles to analyses, as frozen pydantic models."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from assaykit.protocol.gates import Gate

Scale = Literal["log2", "log", "logit", "identity"]
Adjust = Literal["holm", "bh", "tukey", "dunnett", "none"]


class ProtocolModel(BaseModel):
    """Frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ChannelRole(ProtocolModel):
    """What a channel is for, and the $PnN or $PnS it usually has; the study's `channels` overrides `names`."""

    names: tuple[str, ...] = Field(default=(), description="Its usual $PnN or $PnS, the likeliest first.")
    marker: str = Field(default="", description="The marker it shows, e.g. CXCR4; empty for scatter and viability.")
    clone: str = Field(default="", description="The antibody clone, for interferences such as 12G5 with plerixafor.")
    required: bool = Field(default=True, description="False: in files without it, gates on it keep every cell.")


class Readout(ProtocolModel):
    """One raw number per well: a statistic of a channel in a population, or a count of a population.

    `statistic` is a key of cytometry's READOUTS, e.g. count, median, robust_cv, geometric_mean, percent_positive.
    The readout's name defaults to `<channel>_<statistic>`, or `<population>_count`.
    """

    statistic: str = Field(description="What is read: count, concentration, median, control_median, overton ...")
    population: str = Field(description="The cells it is read from: the name of a gate, or all.")
    channel: str = Field(default="", description="The channel role it is read in; empty for counts.")
    name: str = Field(default="", description="Its name among the readouts, where the usual one will not do.")

    @property
    def read_as(self) -> str:
        """The readout's name in READOUTS."""
        return self.name or f"{self.channel or self.population}_{self.statistic}"


class EndpointSpec(ProtocolModel):
    """One endpoint: a key of ENDPOINTS, and the channel or populations it is formed from."""

    endpoint: str = Field(description="Which endpoint, e.g. dmfi, migration_cxcl12: `assaykit endpoints` lists them.")
    name: str = Field(default="", description="Its name in tables; else <channel>_<endpoint>, or <endpoint>.")
    channel: str = Field(default="", description="The channel role it is measured in, for intensities.")
    populations: dict[str, str] = Field(
        default_factory=dict, description='Which gates play its parts, e.g. { cells = "cml", beads = "beads" }.'
    )
    options: dict[str, str | float | bool] = Field(
        default_factory=dict, description='What is declared beforehand, e.g. { apoptotic = "early+late" }.'
    )
    optional: bool = Field(default=False, description="True: nothing to form it from is a note, not a warning.")

    @property
    def measured_as(self) -> str:
        """The endpoint's name in MEASUREMENTS."""
        return self.name or (f"{self.channel}_{self.endpoint}" if self.channel else self.endpoint)


class WeightedArm(ProtocolModel):
    """One arm of a contrast of several, and how often it counts."""

    treatment: str
    context: str = "mono"
    weight: float = Field(description="1 for an arm that is added, -1 for one that is taken off, 0.5 in a mean of two.")


class ContrastSpec(ProtocolModel):
    """A contrast by name, beyond the families: (treatment - comparator) in context, minus the same in another.

    With `factor` it compares two levels of a factor instead, such as two lines: treatment in `level` minus treatment in
    `comparator_level`, or, where the comparator is another treatment, (treatment - comparator) in one minus the other.
    With `arms` it is the sum of any number of arms, each times its weight, such as a three-way difference.
    """

    name: str
    treatment: str = ""
    comparator: str = ""
    arms: tuple[WeightedArm, ...] = Field(
        default=(), description="Arms with weights that add up to 0; then no other key."
    )
    context: str = "mono"
    comparator_context: str = Field(default="", description="The context whose difference is taken off; empty: none.")
    factor: str = Field(default="", description="A factor whose two levels are compared, e.g. line; empty: none.")
    level: str = Field(default="", description="The level of that factor, e.g. K562.")
    comparator_level: str = Field(default="", description="The level it is compared with, e.g. HL60.")

    @model_validator(mode="after")
    def _whole(self) -> ContrastSpec:
        if self.factor and not (self.level and self.comparator_level):
            raise ValueError(f"contrast {self.name}: a factor needs level and comparator_level")
        if self.factor and self.comparator_context:
            raise ValueError(f"contrast {self.name}: compares levels of {self.factor} or contexts, not both")
        if self.arms:
            if self.treatment or self.comparator or self.factor or self.comparator_context:
                raise ValueError(f"contrast {self.name}: has its arms, and needs no treatment, comparator or factor")
            if abs(total := sum(arm.weight for arm in self.arms)) > 1e-9:
                raise ValueError(f"contrast {self.name}: the weights of its arms must add up to 0; found {total:g}")
        elif not (self.treatment and self.comparator):
            raise ValueError(f"contrast {self.name}: needs a treatment and a comparator, or arms with weights")
        return self


class Analysis(ProtocolModel):
    """One analysis of one endpoint of MEASUREMENTS: model, families of contrasts, adjustment."""

    name: str
    endpoint: str = Field(description="The endpoint's name in tables, e.g. cxcr4_dmfi.")
    scale: Scale = Field(default="identity", description="log2: fold change; log: ratio; logit: odds ratio.")
    families: tuple[Literal["treatment", "pairwise", "context", "interaction", "sensitisation", "level"], ...] = Field(
        default=("treatment", "interaction"), description="Which contrasts are estimated."
    )
    contrasts: tuple[ContrastSpec, ...] = Field(default=(), description="Further contrasts, by name.")
    adjust: Adjust = Field(default="holm", description="How p is adjusted within each family.")
    primary: bool = Field(default=False, description="Whether the assay was done for this.")
    equivalence: float | None = Field(
        default=None, description="No effect means within this of zero, on the analysis scale."
    )
    offset: str = ""
    model: Literal["lmm", "nested_lmm", "paired_t", "nb_glmm", "betabinomial_glmm"] = "lmm"


class CurveAnalysis(ProtocolModel):
    """Dose-response curves of one endpoint: one per drug, context and unit, one over units, and shifts by context."""

    name: str
    endpoint: str = Field(description="The endpoint's name in tables; one the reference treatment has a value of too.")
    drugs: tuple[str, ...] = Field(default=(), description="The drugs; empty: each given alone at four doses or more.")
    shape: Literal["3PL", "4PL", "5PL"] = Field(default="4PL", description="3PL: the curve ends at zero; 5PL: skewed.")
    against: str = Field(
        default="", description="The context other contexts' IC50 is compared with; empty: the study's reference."
    )


class SynergyAnalysis(ProtocolModel):
    """Whether two drugs do more together than their single effects let expect, on one endpoint."""

    name: str
    endpoint: str = Field(description="The endpoint's name in tables; one the reference treatment has a value of too.")
    effect: Literal["lost", "gained"] = Field(
        description="lost: 1 - value / reference; gained, for percents: (value - reference) / (100 - reference)."
    )
    drugs: tuple[str, ...] = Field(default=(), description="Two drugs; empty: every pair that was given together.")
    models: tuple[Literal["bliss", "hsa", "loewe", "zip"], ...] = Field(
        default=("bliss", "hsa", "loewe", "zip"), min_length=1, description="What independence means, model by model."
    )


class Panel(ProtocolModel):
    """That a study may name markers and populations, and where they are gated; see `assaykit.study.panel`."""

    parent: str = Field(description="The population, by its gate, on which the study's markers are gated.")


class Criterion(ProtocolModel):
    """One acceptance criterion: a quantity of a plate or unit against a limit."""

    check: str = Field(description="What is asked, e.g. vehicle_death: `assaykit protocols NAME` explains each.")
    limit: float
    level: Literal["warn", "fail"] = "warn"
    drop: bool = Field(default=False, description="Whether what fails is left out of the estimates.")


class Quality(ProtocolModel):
    """Limits of the cell-level checks; `exclude` names the checks that drop events."""

    min_cells: int = 200
    min_beads: int = 1000
    least_cells: int = Field(default=20, description="Below it what is read off the cells is noise, and left out.")
    max_margin_fraction: float = 0.05
    max_doublet_fraction: float = 0.25
    max_drift: float = 0.2
    max_contamination: float = 0.05
    exclude: tuple[Literal["time", "margin", "signal"], ...] = ()


class Protocol(ProtocolModel):
    """The recipe of one assay."""

    assaykit: Literal[1] = Field(default=1, description="The version of this format.")
    name: str
    title: str
    channels: dict[str, ChannelRole] = Field(default_factory=dict, description="Channel roles, by name.")
    compensation: str = Field(
        default="file",
        description='"file", "none", "single_stain", "unmix" or "unmix_weighted" (full spectra of single stains, by '
        "ordinary or weighted least squares), or the path of a matrix.",
    )
    gates: tuple[Gate, ...] = Field(default=(), alias="gate")
    readouts: tuple[Readout, ...] = Field(default=(), alias="readout")
    endpoints: tuple[EndpointSpec, ...] = Field(default=(), alias="endpoint")
    analyses: tuple[Analysis, ...] = Field(default=(), alias="analysis")
    curves: tuple[CurveAnalysis, ...] = Field(default=(), alias="curve")
    synergies: tuple[SynergyAnalysis, ...] = Field(default=(), alias="synergy")
    panel: Panel | None = Field(default=None, description="Where the markers of a study are gated, if it may name any.")
    acceptance: tuple[Criterion, ...] = ()
    quality: Quality = Quality()
