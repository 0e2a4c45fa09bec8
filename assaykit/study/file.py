"""What a study file may hold, as frozen pydantic models: the keys, their meaning, and the JSON Schema made of both.

A key that takes several texts takes one text as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from assaykit.protocol import ScaleName
from assaykit.vocabulary import ContextName

PlateSize = Literal[6, 12, 24, 48, 96, 384, 1536]
_TEXT = {"type": "string"}
Texts = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    WithJsonSchema({"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}),
]


def _as_texts(value: object) -> object:
    """Return a table whose numbers are text, as factors' levels are."""
    if not isinstance(value, Mapping):
        return value
    return {key: f"{level:g}" if isinstance(level, (int, float)) else level for key, level in value.items()}


def _are_texts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)


def _corners(value: object) -> object:
    """Return the corners of a polygon; ValueError where they are none."""
    pairs = value if isinstance(value, (list, tuple)) else ()
    whole = all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs)
    numbers = whole and all(isinstance(end, (int, float)) and abs(end) < float("inf") for pair in pairs for end in pair)
    if len(pairs) < 3 or not numbers:
        raise ValueError("three corners or more, each two numbers: [[1, 2], [3, 4], [5, 6]]")
    return value


Day = Annotated[str, BeforeValidator(lambda value: value.isoformat() if isinstance(value, date) else value)]
Markers = Annotated[
    dict[str, str],
    BeforeValidator(lambda value: {name: name for name in value} if _are_texts(value) else value),
    WithJsonSchema({"anyOf": [{"type": "object", "additionalProperties": _TEXT}, {"type": "array", "items": _TEXT}]}),
]
Levels = Annotated[dict[str, str], BeforeValidator(_as_texts)]
Corners = Annotated[tuple[tuple[float, float], ...], BeforeValidator(_corners)]


class _Entry(BaseModel):
    """Frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class ReferenceEntry(_Entry):
    """What every treatment is compared with, within its own context."""

    treatment: str = Field(default="vehicle", description="The treatment the others are compared with.")
    context: ContextName = Field(default="mono", description="The context of wells that name none.")


class AssayEntry(_Entry):
    """One assay: a protocol, and the plates or counts it is applied to. Paths are relative to the study file."""

    protocol: str = Field(description="A shipped protocol's name, or the path of a protocol file.")
    name: str = Field(default="", description="The assay's name in tables; the protocol's where left out.")
    plates: Texts = Field(default=(), description="Layouts: wellmap TOML, CSV or XLSX; * stands for any text.")
    counts: Texts = Field(default=(), description="Tables of counts, one row per well or insert: CSV or XLSX.")
    values: Literal["counts", "percent", "fraction"] = Field(
        default="counts",
        description='What the columns viable, early, late ... of `counts` hold: cells; or "percent" or "fraction" of'
        " all leukaemia cells of the well, where the cells are not known.",
    )
    measured: Texts = Field(
        default=(),
        description="Tables of statistics of samples that were gated elsewhere (FlowJo, FACSDiva, CytExpert, Attune,"
        " MACSQuantify, Kaluza, NovoExpress, or typed): CSV or XLSX. With `plates` their samples are found for its"
        " wells, as FCS files are; without, each row names its treatment itself. See `assaykit init --from`.",
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="Headings of the tables in `measured` -> the readout each is: a population and a statistic"
        ' ("early percent_of_parent", "cml count"), or a channel role and a statistic ("cxcr4 median"); a share whose'
        ' heading does not tell its unit adds "in percent" or "in fractions"; "unused" leaves a column out.',
    )
    channels: dict[str, str] = Field(
        default_factory=dict, description="Channel role of the protocol -> this cytometer's $PnN or $PnS."
    )
    markers: Markers = Field(
        default_factory=dict,
        description='Markers -> channels, e.g. { CD4 = "PE-A" }, for a protocol that has a panel; or a list of markers,'
        " where the files name them ($PnS).",
    )
    populations: dict[str, str] = Field(
        default_factory=dict,
        description='Populations by their markers, e.g. { t_cells = "CD3+", cd4_t = "t_cells CD4+ CD8-" }; every marker'
        " by itself where left out.",
    )
    clones: dict[str, str] = Field(
        default_factory=dict, description="Channel role -> antibody clone, where it is not the protocol's."
    )
    compensation: str = Field(
        default="",
        description='Spillover: "file" (each file\'s own matrix), "none", "single_stain", "unmix" or "unmix_weighted"'
        " (full spectra of single stains), or the path of a matrix; as the protocol says where left out.",
    )
    fcs: Texts = Field(
        default=(),
        description="Folders or files of FCS data; may hold {plate}, {well} and any factor in braces, and *.",
    )
    bead_lot: str = Field(
        default="",
        description="Molecules per calibration bead, for receptors per cell: a CSV with a column molecules, one row per"
        " peak. It holds for the wells of role beads whose layout names no lot.",
    )
    single_stains: Texts = Field(
        default=(),
        description="FCS files of single stains (and unstained cells) that are no wells of a plate, named by their dye:"
        " 'comp/*.fcs', or a folder. The matrix is then estimated from them.",
    )
    by: Texts = Field(
        default=(),
        description='Factors whose levels are analysed each by itself, e.g. ["line"] where plates hold several lines:'
        " references, gates and estimates are then those of one level, and tables tell it as the stratum.",
    )
    primary_stratum: str = Field(
        default="",
        description="The level of `by` that claims are compared with, e.g. 'K562'; the first of the layouts where left"
        " out.",
    )
    wells: PlateSize | None = Field(default=None, description="Wells of the plates; 96 where nothing says otherwise.")
    file_name: str = Field(
        default="", description="Factors in the layout's file name, e.g. 'cxcr4_{experiment}' for cxcr4_day1.csv."
    )


class OverrideEntry(_Entry):
    """One thing set by hand, and why: in the study, or in review.toml beside it.

    It says where (assay, plate, well, where; the closer one wins), for a gate which, and exactly one change.
    """

    reason: str = Field(min_length=1, description="Why, in a sentence; the report shows it.")
    assay: str = Field(default="", description="The assay, where the study has several.")
    plate: Texts = Field(default=(), description="The plates it holds for; every plate where left out.")
    well: Texts = Field(default=(), description="The wells it holds for; every well where left out.")
    where: Levels = Field(
        default_factory=dict, description='Factors of the wells it holds for, e.g. { treatment = "imatinib 1 uM" }.'
    )
    gate: str = Field(default="", description="The gate that is set, by its name in the protocol.")
    value: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="The gate's threshold, on the compensated raw scale, or the scale of a gate that has one.",
    )
    polygon: Corners | None = Field(
        default=None, description="The gate as a polygon: its corners, with x, y and scale."
    )
    x: str = Field(default="", description="Channel role, or $PnN, of the polygon's first coordinate.")
    y: str = Field(default="", description="Channel role, or $PnN, of the polygon's second coordinate.")
    scale: ScaleName | None = Field(default=None, description="The scale of the polygon's corners; raw where left out.")
    shape: dict[str, Any] | None = Field(
        default=None, description="The gate in any other form, as a protocol writes it: its kind and numbers."
    )
    method: str = Field(default="", description="Another way to estimate the gate, e.g. mixture, valley, fmo.")
    keep: Literal["all"] | None = Field(default=None, description='"all": the gate lets every cell of its parent pass.')
    channels: dict[str, str] = Field(
        default_factory=dict, description="Channel role -> $PnN or $PnS on these plates, where the study says another."
    )
    exclude: bool = Field(
        default=False, description="true: the wells are left out; the answer with them stands beside."
    )
    was: Any = Field(
        default=None,
        alias="from",
        description="What the gate was when it was set: its value, corners or method. Where it is no longer so, the"
        " override is stale and a finding says it.",
    )
    sha256: str = Field(default="", description="Of the one well's FCS file when it was set; another is a finding.")
    by: str = Field(default="", description="Who set it.")
    on: Day = Field(default="", description="When it was set, e.g. 2026-01-31.")


class ReviewFile(_Entry):
    """What a person set by hand when looking through the gates (review.toml, beside the study file)."""

    assaykit: Literal[1] = Field(default=1, description="The version of this format.")
    study: str = Field(default="", description="The study file it belongs to, where its folder holds several.")
    override: tuple[OverrideEntry, ...] = Field(default=(), description="What is set by hand, line by line.")


class StudyFile(_Entry):
    """A study file (study.toml)."""

    assaykit: Literal[1] = Field(description="The version of this format.")
    title: str = Field(description="One line that names the study.")
    unit: str = Field(
        description="The column whose levels are independent: the experiment (a day with fresh cells) or the donor."
    )
    reference: ReferenceEntry = Field(default=ReferenceEntry(), description="The reference treatment and context.")
    seed: int = Field(default=1, ge=0, description="The seed of every random draw.")
    compensation: str = Field(default="", description="Spillover, for every assay that does not say its own.")
    factors: Texts = Field(default=(), description="Further columns of the layouts, named by you.")
    drugs: Texts = Field(default=(), description="Drug catalogues of your own, over the shipped one.")
    lines: Texts = Field(default=(), description="Catalogues of cell lines of your own, over the shipped one.")
    primary: Texts = Field(default=(), description="Claims named before the run, e.g. EN-10.")
    claims: Texts = Field(default=(), description="Catalogues of claims of your own.")
    assay: tuple[AssayEntry, ...] = Field(min_length=1, description="The assays.")
    override: tuple[OverrideEntry, ...] = Field(default=(), description="What is set by hand, each with its reason.")


def study_schema() -> dict[str, Any]:
    """Return the JSON Schema of a study file, for editors."""
    schema = StudyFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "assaykit study"}
