"""What a study file may hold, as frozen pydantic models: the keys, their meaning, and the JSON Schema made of both.

A key that takes several texts takes one text as well.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

Context = Literal["mono", "msc_contact", "msc_transwell", "msc_medium", "plain_medium"]
PlateSize = Literal[6, 12, 24, 48, 96, 384, 1536]
_TEXT = {"type": "string"}
Texts = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    WithJsonSchema({"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}),
]


class _Entry(BaseModel):
    """Frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class ReferenceEntry(_Entry):
    """What every treatment is compared with, within its own context."""

    treatment: str = Field(default="vehicle", description="The treatment the others are compared with.")
    context: Context = Field(default="mono", description="The context of wells that name none.")


class AssayEntry(_Entry):
    """One assay: a protocol, and the plates or counts it is applied to. Paths are relative to the study file."""

    protocol: str = Field(description="A shipped protocol's name, or the path of a protocol file.")
    name: str = Field(default="", description="The assay's name in tables; the protocol's where left out.")
    plates: Texts = Field(default=(), description="Layouts: wellmap TOML, CSV or XLSX; * stands for any text.")
    counts: Texts = Field(default=(), description="Tables of counts, one row per well or insert: CSV or XLSX.")
    channels: dict[str, str] = Field(
        default_factory=dict, description="Channel role of the protocol -> this cytometer's $PnN or $PnS."
    )
    clones: dict[str, str] = Field(
        default_factory=dict, description="Channel role -> antibody clone, where it is not the protocol's."
    )
    compensation: str = Field(
        default="",
        description='Spillover: "file" (each file\'s own matrix), "none", "single_stain", or the path of a CSV; as the'
        " protocol says where left out.",
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
    primary: Texts = Field(default=(), description="Claims named before the run, e.g. EN-10.")
    claims: Texts = Field(default=(), description="Catalogues of claims of your own.")
    assay: tuple[AssayEntry, ...] = Field(min_length=1, description="The assays.")


def study_schema() -> dict[str, Any]:
    """Return the JSON Schema of a study file, for editors."""
    schema = StudyFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "assaykit study"}
