"""The drug catalogue: names, synonyms, class, target, range in culture with its source, and interferences.

    drugs.toml -> Drug -> Catalogue

A lab extends or overrides the shipped catalogue with a file of the same form.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assaykit.errors import InputError, TreatmentError, looked_into, raise_all
from assaykit.sources import toml_from_file
from assaykit.treatment.units import canonical_spelling, dose_from_text
from assaykit.vocabulary import nearest

_GREEK = str.maketrans({"α": "a", "β": "b", "γ": "g", "ß": "b"})


class Interference(BaseModel):
    """A measurement a drug falsifies: the marker, the antibody clones concerned, and clones that stay free."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    marker: str = Field(description="The marker measured, e.g. CXCR4.")
    clones: tuple[str, ...] = Field(default=(), description="Clones that compete; empty for every clone.")
    free_clones: tuple[str, ...] = Field(default=(), description="Clones that do not compete.")
    reason: str = Field(description="Why the number cannot be read, in one sentence.")
    source: str = Field(default="", description="Where this is known from.")


class Drug(BaseModel):
    """One drug."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(description="The canonical name, small letters.")
    synonyms: tuple[str, ...] = Field(default=(), description="Other names: codes, brand names.")
    drug_class: str = Field(alias="class", default="", description="tki, cxcr4_antagonist, statin, cytokine ...")
    target: str = Field(default="", description="What it acts on.")
    molar_mass: float | None = Field(default=None, gt=0, description="g/mol of the form doses are counted in.")
    salts: dict[str, float] = Field(default_factory=dict, description="Names of salts and their own g/mol.")
    range: tuple[str, str] | None = Field(default=None, description="Lowest and highest dose used in culture.")
    range_source: str = Field(default="", description="Where the range is from.")
    dosed: bool = Field(default=True, description="Whether a dose must be given; false for an untreated arm.")
    interferences: tuple[Interference, ...] = Field(default=(), alias="interference")
    note: str = Field(default="", description="What else to know.")

    @property
    def names(self) -> tuple[str, ...]:
        """Every name the drug goes by."""
        return (self.name, *self.synonyms, *self.salts)

    def described(self) -> dict[str, str]:
        """Return what there is to say about the drug, in reading order; nothing for what is not known."""
        disturbs = (f"{each.marker} by {', '.join(each.clones) or 'every clone'}" for each in self.interferences)
        told = {
            "name": self.name,
            "synonyms": ", ".join(self.names[1:]),
            "class": self.drug_class,
            "target": self.target,
            "molar mass": f"{self.molar_mass:g} g/mol" if self.molar_mass else "",
            "range": " to ".join(self.range or ()),
            "source": self.range_source,
            "disturbs": "; ".join(disturbs),
            "because": "; ".join(each.reason for each in self.interferences),
            "note": self.note,
        }
        return {key: value for key, value in told.items() if value}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Drugs by their canonical name."""

    drugs: tuple[Drug, ...] = ()
    by_name: Mapping[str, Drug] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name = {plain(name): drug for drug in reversed(self.drugs) for name in drug.names}
        object.__setattr__(self, "by_name", by_name)

    def find(self, name: str) -> Drug | None:
        """Return the drug a name or synonym means, in any case and spelling of hyphens; None where there is none."""
        return self.by_name.get(plain(name))

    def nearest(self, name: str) -> str:
        """Return the known name most like a misspelt one, or ""; none with another number: AMD071 is no AMD070."""
        numbers = re.findall(r"[0-9]+", name)
        names = (each for drug in self.drugs for each in drug.names)
        known = {plain(each): each for each in names if re.findall(r"[0-9]+", each) == numbers}
        return known.get(nearest(plain(name), known), "")

    def __getitem__(self, name: str) -> Drug:
        drug = self.find(name)
        if drug is None:
            raise KeyError(name)
        return drug


class _CatalogueFile(BaseModel):
    """A drug catalogue: [[drug]] tables."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    drug: tuple[Drug, ...] = Field(description="The drugs.")


def drugs_schema() -> dict[str, Any]:
    """Return the JSON Schema of a drug catalogue, for editors."""
    schema = _CatalogueFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "assaykit drug catalogue"}


def plain(name: str) -> str:
    """Return a name without case, accents, blanks and hyphens: 'STI-571' and 'sti 571' are one.

    >>> plain("STI-571") == plain("sti 571"), plain("Interferón alfa"), plain("MßCD")
    (True, 'interferonalfa', 'mbcd')
    """
    letters = unicodedata.normalize("NFKD", name.translate(_GREEK).casefold())
    return re.sub(r"[\s\-_‐‑–]+", "", "".join(sign for sign in letters if not unicodedata.combining(sign)))


def read_drugs(path: str | Path | None = None, *, label: str = "") -> Catalogue:
    """Return the shipped catalogue, with the drugs of `path` over and beside it where one is given.

    Raises TreatmentError, or Faults, where the file is missing or does not follow the form.
    """
    text = files("assaykit.treatment").joinpath("drugs.toml").read_text(encoding="utf-8")
    shipped = _drugs(tomllib.loads(text), "drugs.toml")
    if path is None:
        return Catalogue(shipped)
    return extend_catalogue(Catalogue(shipped), Path(path), label=label)


def extend_catalogue(catalogue: Catalogue, path: Path, *, label: str = "") -> Catalogue:
    """Return the catalogue with the drugs of a file over those of the same name and beside the others."""
    label = label or path.name
    document = toml_from_file(path, "a drug catalogue", TreatmentError, label=label)
    unknown = [key for key in document if key != "drug"]
    raise_all(
        [
            TreatmentError("a drug catalogue must hold [[drug]] tables alone", f"'{key}'", label, "write [[drug]]")
            for key in unknown
        ]
    )
    own = _drugs(document, label)
    names = {drug.name for drug in own}
    merged = Catalogue((*(drug for drug in catalogue.drugs if drug.name not in names), *own))
    raise_all(_shared_names(merged, label))
    return merged


def _shared_names(catalogue: Catalogue, label: str) -> list[InputError]:
    """Return a fault per name that means two drugs."""
    owners: dict[str, dict[str, str]] = {}
    for drug in catalogue.drugs:
        for name in drug.names:
            owners.setdefault(plain(name), {})[drug.name] = name
    return [
        TreatmentError(
            "a name must mean one drug",
            f"'{next(iter(drugs.values()))}' for {' and '.join(drugs)}",
            label,
            "rename one",
        )
        for drugs in owners.values()
        if len(drugs) > 1
    ]


def _drugs(document: Mapping[str, object], label: str) -> tuple[Drug, ...]:
    entries = document.get("drug", [])
    drugs: list[Drug] = []
    faults: list[InputError] = []
    for number, entry in enumerate(entries if isinstance(entries, list) else [], start=1):
        try:
            drugs.append(Drug.model_validate(entry))
        except ValidationError as error:
            faults += _faults(error, f"{label}, [[drug]] {number}")
    faults += [fault for drug in drugs for fault in _range_faults(drug, f"{label}, {drug.name}")]
    raise_all(faults)
    # Ranges in canonical units, so that whoever compares doses need not read spellings.
    ranges = [drug.range and tuple(canonical_spelling(*dose_from_text(text)) for text in drug.range) for drug in drugs]
    return tuple(drug.model_copy(update={"range": one}) for drug, one in zip(drugs, ranges, strict=True))


def _range_faults(drug: Drug, where: str) -> list[InputError]:
    """Return a fault where a range is not two doses of one dimension, the lower first."""
    remedy = 'write range = ["0.1 uM", "5 uM"]'
    try:
        low, high = (dose_from_text(text) for text in drug.range or ())
    except TreatmentError as error:
        return [TreatmentError("a range must be two doses", error.found, where, remedy)]
    except ValueError:  # no range at all
        return []
    if low[1].dimension != high[1].dimension or low[0] * low[1].factor > high[0] * high[1].factor:
        return [
            TreatmentError(
                "a range must go from the lower to the higher dose", " to ".join(drug.range or ()), where, remedy
            )
        ]
    return []


def _faults(error: ValidationError, where: str) -> list[InputError]:
    known = tuple(field.alias or name for name, field in Drug.model_fields.items())

    def fault(item: Any) -> InputError:
        key = ".".join(map(str, item["loc"]))
        if item["type"] != "extra_forbidden":
            return TreatmentError(f"a drug's '{key}' must be what the catalogue holds", item["msg"], where)
        near = nearest(key, known)
        remedy = f"write '{near}'" if near else f"use {', '.join(known)}"
        return TreatmentError("a drug must have only known keys", f"'{key}'", where, remedy)

    return looked_into(error.errors(), fault, TreatmentError, where)
