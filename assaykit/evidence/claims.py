"""Claims: what a review says, the papers behind it, and the contrast that would test it; read from a TOML catalogue.

    TOML text -> tables with papers and needs filled in -> `Claim`

A catalogue of a lab's own has the form of `claims.toml` beside this module and may use the papers and needs declared
there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assaykit.errors import EvidenceError, InputError, looked_into, raise_all
from assaykit.line import Kind
from assaykit.sources import toml_from_file
from assaykit.vocabulary import CONTEXTS, nearest

Sign = Literal[-1, 0, 1]
Family = Literal["treatment", "pairwise", "context", "interaction", "sensitisation", "level", "custom"]
_SHARED = ("papers", "needs", "reviews")


class Model(BaseModel):
    """Frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Paper(Model):
    """One primary paper, how much of it was seen, and how sure it is that the review means it."""

    key: str
    cite: str
    doi: str = ""
    seen: str = ""
    certainty: str = ""


class Need(Model):
    """What must be there, or must hold, before a contrast says anything about a claim.

    Without `sign` the arm must exist; with it, the effect must be seen on that side. Slots such as "class:tki" stand
    for the drug and dose that the matched arm has; context "same" is the context of the matched contrast, "any" all.
    """

    key: str
    says: str
    endpoints: tuple[str, ...] = Field(min_length=1)
    treatment: tuple[str, ...]
    comparator: tuple[str, ...] = ()
    kind: Family = "treatment"
    context: str = "same"
    against: str = ""
    sign: Sign | None = None


class Test(Model):
    """One contrast that tests a claim, as a query to ESTIMATES."""

    __test__ = False  # a name pytest must not collect

    endpoints: tuple[str, ...] = Field(min_length=1)
    kind: Family
    treatment: tuple[str, ...] = ()
    comparator: tuple[str, ...] = ()
    contrast: str = ""  # the name of a custom contrast
    contexts: tuple[str, ...] = tuple(CONTEXTS)
    against: str = ""
    prefer: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    tells: tuple[Need, ...] = ()  # companions that are told beside the verdict where the study has them
    sign: Sign | None = None  # the claim's own where it is left out
    printed: Sign | None = None

    @model_validator(mode="after")
    def _two_contexts(self) -> Test:
        if self.kind in ("context", "interaction", "sensitisation") and not self.against:
            raise ValueError(f"a test of kind {self.kind} must say which context it is compared `against`")
        if self.kind == "custom" and not self.contrast:
            raise ValueError("a test of kind custom must name its `contrast`")
        return self


class Claim(Model):
    """One claim of a review, in our own words."""

    id: str
    review: str
    lines: str = ""
    statement: str
    cites: str = ""
    papers: tuple[Paper, ...] = ()
    system: str = ""
    intervention: str = ""
    comparator: str = ""
    context: str = ""
    endpoint: str = ""
    sign: Sign | None = None  # as adjudicated from the primary papers
    printed: Sign | None = None  # as the review prints it
    magnitude: str = ""  # only where a source gives one
    kind: Literal["empirical", "mechanistic", "clinical", "recommendation"]
    standing: Literal["stated", "inference", "hypothesis", "unsupported", "mis-stated"] = "stated"
    family: str = ""  # claims whose p values are adjusted together
    cells: Kind | Literal["any"] = "cml"  # which cells it is about: a kind of the catalogue of cell lines
    assays: tuple[str, ...] = ()
    tests: tuple[Test, ...] = Field(default=(), alias="test")
    untestable: str = ""  # one sentence: why no assay here can test it
    found: str = ""  # what the primary papers say, and how much of them was seen
    numbers: Literal["", "zhang2007"] = ""  # primary numbers that size may be compared with
    caveats: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()  # known errors of the review
    conflict: str = ""  # where reviews, or a review and its source, disagree
    corrections: str = ""  # what our working list had wrong about the text
    related: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _testable_or_why_not(self) -> Claim:
        if bool(self.tests) == bool(self.untestable):
            raise ValueError("a claim must have either a `test` or a sentence in `untestable` that says why none")
        if self.tests and not self.family:
            raise ValueError("a testable claim must name the `family` its p value is adjusted in")
        if any(test.sign is None and self.sign is None for test in self.tests):
            raise ValueError("a testable claim must have a `sign`: 1, -1 or 0")
        return self

    @property
    def source(self) -> str:
        """The primary paper it rests on, e.g. "Jin et al. 2008, Mol Cancer Ther 7:48-58"; empty where none is cited.

        Claims that share it are one piece of evidence.
        """
        return self.papers[0].cite if self.papers else ""

    @property
    def testable(self) -> bool:
        """Whether some contrast could test it."""
        return bool(self.tests)

    def expected(self, test: Test) -> int:
        """Return the sign the contrast of `test` must have for the claim to hold."""
        sign = self.sign if test.sign is None else test.sign
        assert sign is not None
        return sign

    def printed_for(self, test: Test) -> int | None:
        """Return the sign that contrast has as the review prints the claim; None where no direction is printed."""
        if self.printed is None:
            return None
        return self.printed if test.printed is None else test.printed


def read_claims(path: str | Path | None = None) -> tuple[Claim, ...]:
    """Return the claims of the catalogue at `path`, or of the two reviews.

    Raises EvidenceError, or Faults with all of them, naming the claim, the key and the nearest key known.

    >>> claims = read_claims()
    >>> len(claims), claims[0].id, claims[-1].id
    (81, 'EN-01', 'ES-41')
    """
    built_in = tomllib.loads(files("assaykit.evidence").joinpath("claims.toml").read_text(encoding="utf-8"))
    if path is None:
        return _claims(built_in, {}, "claims.toml")
    document = toml_from_file(Path(path), "a catalogue of claims", EvidenceError, label=str(path))
    return _claims(document, built_in, str(path))


def read_catalogues(paths: Sequence[str | Path] = ()) -> tuple[Claim, ...]:
    """Return the claims of the two reviews, then those of every further catalogue.

    Raises EvidenceError where two claims have one id.
    """
    claims: dict[str, Claim] = {claim.id: claim for claim in read_claims()}
    for path in paths:
        for claim in read_claims(path):
            if claim.id in claims:
                raise EvidenceError(
                    "every claim must have an id of its own", f"{claim.id} twice", str(path), "give it another id"
                )
            claims[claim.id] = claim
    return tuple(claims.values())


def _claims(document: Mapping[str, Any], shared: Mapping[str, Any], where: str) -> tuple[Claim, ...]:
    _check_top(document, where)
    tables = {name: {**shared.get(name, {}), **document.get(name, {})} for name in _SHARED}
    claims: list[Claim] = []
    faults: list[InputError] = []
    for number, entry in enumerate(document["claim"], start=1):
        place = f"{where}, claim {entry.get('id', number)}"
        try:
            claims.append(Claim.model_validate(_filled(entry, tables, place)))
        except ValidationError as error:
            faults += looked_into(error.errors(), partial(_fault, where=place), EvidenceError, place)
        except EvidenceError as error:
            faults.append(error)
    twice = sorted({claim.id for claim in claims if [other.id for other in claims].count(claim.id) > 1})
    faults += [EvidenceError("every claim must have an id of its own", f"{name} twice", where) for name in twice]
    raise_all(faults)
    return tuple(claims)


def _check_top(document: Mapping[str, Any], where: str) -> None:
    known = ("assaykit", "title", *_SHARED, "claim")
    for key in document:
        if key not in known:
            raise EvidenceError("a catalogue must have known keys only", f"'{key}'", where, _nearest(key, known))
    if document.get("assaykit") != 1:
        raise EvidenceError(
            "a catalogue must state its format, assaykit = 1", repr(document.get("assaykit")), where, "add assaykit = 1"
        )
    if not isinstance(document.get("claim"), list) or not document["claim"]:
        raise EvidenceError("a catalogue must hold at least one [[claim]]", "none", where)


def _filled(entry: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]], where: str) -> dict[str, Any]:
    filled = dict(entry)
    filled["papers"] = [_looked_up(key, tables["papers"], f"{where}, papers") for key in entry.get("papers", ())]
    if entry.get("review") is not None and tables["reviews"] and entry["review"] not in tables["reviews"]:
        raise EvidenceError("`review` must be declared in [reviews]", repr(entry["review"]), where)
    filled["test"] = [
        test
        | {
            name: [_looked_up(key, tables["needs"], f"{where}, {name}") for key in test.get(name, ())]
            for name in ("needs", "tells")
        }
        for test in entry.get("test", ())
    ]
    return filled


def _looked_up(key: str, table: Mapping[str, Any], where: str) -> dict[str, Any]:
    if key not in table:
        raise EvidenceError("a name used by a claim must be declared", f"'{key}'", where, _nearest(key, table))
    return {"key": key, **table[key]}


def _fault(detail: Any, where: str) -> EvidenceError:
    path = [str(part) for part in detail["loc"]]
    place = f"{where}, {_place(detail['loc'])}" if path else where
    match detail["type"]:
        case "extra_forbidden":
            return EvidenceError("a claim must have known keys only", f"'{path[-1]}'", place, _nearest_key(path))
        case "missing":
            return EvidenceError(f"a claim must have the key '{path[-1]}'", "nothing", place, _example(path))
        case "literal_error":
            must = f"'{path[-1]}' must be one of {', '.join(_allowed(path))}"
            return EvidenceError(must, repr(detail["input"]), place, _nearest(str(detail["input"]), _allowed(path)))
        case "value_error":
            return EvidenceError(str(detail["ctx"]["error"]), "", place)
        case _:
            return EvidenceError(str(detail["msg"]), repr(detail["input"]), place)


def _place(location: Sequence[str | int]) -> str:
    """Return where a key stands, counted as a reader counts.

    >>> _place(("test", 0, "kind"))
    'test 1, kind'
    """
    words: list[str] = []
    for part in location:
        if isinstance(part, int) and words:
            words[-1] += f" {part + 1}"
        else:
            words.append(str(part))
    return ", ".join(words)


_EXAMPLES = {
    "id": 'id = "LAB-01"',
    "review": 'review = "LAB"',
    "statement": 'statement = "Imatinib raises CXCR4."',
    "endpoints": 'endpoints = ["cxcr4_dmfi"]',
    "treatment": 'treatment = ["class:tki"]',
    "says": 'says = "the drug kills alone"',
    "cite": 'cite = "Jin et al. 2008"',
}


def _example(path: Sequence[str]) -> str:
    """Return what to add for a key that is missing, ready to be copied."""
    allowed = _allowed(path)
    example = _EXAMPLES.get(path[-1]) or (f'{path[-1]} = "{allowed[0]}"' if allowed else f'{path[-1]} = "..."')
    return f"add {example}" + (f" ({path[-1]} is one of {', '.join(allowed)})" if allowed else "")


def _allowed(path: Sequence[str]) -> tuple[str, ...]:
    """Return the words a key may hold, where they are few."""
    field = _model(path).model_fields.get(path[-1])
    return tuple(map(str, get_args(field.annotation))) if field and get_origin(field.annotation) is Literal else ()


def _model(path: Sequence[str]) -> type[Model]:
    if {"needs", "tells"} & set(path):
        return Need
    if "papers" in path:
        return Paper
    return Test if "test" in path else Claim


def _nearest_key(path: Sequence[str]) -> str:
    known = [field.alias or name for name, field in _model(path).model_fields.items()]
    return _nearest(path[-1], known)


def _nearest(word: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    near = nearest(word, known)
    return f"'{near}', the nearest known" if near else f"one of {', '.join(known)}"
