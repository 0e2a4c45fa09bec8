"""`Treatment`: a set of drugs at doses, or steps one after another; `vehicle` is the empty set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from assaykit.treatment.units import UNITS


@dataclass(frozen=True, slots=True, order=True)
class Dose:
    """One drug at one dose; `drug` is the catalogue's canonical name, `unit` is canonical: nM, uM, mM, ng/mL ..."""

    drug: str
    amount: float
    unit: str

    def __str__(self) -> str:
        """Return e.g. 'imatinib 1 uM'; an arm without a dose, such as untreated, is its name alone."""
        return f"{self.drug} {self.number} {self.unit}" if self.unit else self.drug

    @property
    def number(self) -> str:
        """The amount as text, without its unit; empty for an arm without a dose."""
        if not self.unit:
            return ""
        text = f"{self.amount:.12g}"
        return text + "0" if len(text.partition(".")[2]) == 3 else text  # 1.234 uM could be read as 1234 uM

    @property
    def absolute(self) -> float:
        """The amount in M, mg/mL or U/mL, which orders doses of one drug; the amount itself in a unit not known."""
        unit = UNITS.get(self.unit)
        return self.amount * float(unit.factor) if unit else self.amount


@dataclass(frozen=True, slots=True)
class Step:
    """What cells got at once within a sequence, and for how long where that was written; no doses are vehicle."""

    doses: tuple[Dose, ...]
    hours: float | None = None

    def __str__(self) -> str:
        what = " + ".join(map(str, self.doses)) or "vehicle"
        return what if self.hours is None else f"{what} for {self.hours:g} h"


@dataclass(frozen=True, slots=True)
class Treatment:
    """Drugs at doses, sorted by drug; str() gives e.g. 'imatinib 1 uM + plerixafor 10 uM'.

    A sequence such as 'imatinib 1 uM then washout' is an arm of its own, never the combination of its drugs: `doses`
    then holds one entry, named as the whole and without an amount, and `steps` what was given when.
    """

    doses: tuple[Dose, ...] = ()
    steps: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return " + ".join(map(str, self.doses)) or "vehicle"

    @property
    def drugs(self) -> tuple[str, ...]:
        """The drugs' canonical names, sorted, whenever they were given; empty for vehicle."""
        given = (dose for step in self.steps for dose in step.doses) if self.steps else self.doses
        return tuple(sorted({dose.drug for dose in given}))


def treatment_from_steps(steps: tuple[Step, ...]) -> Treatment:
    """Return steps one after another as one arm.

    >>> str(treatment_from_steps((Step((Dose("imatinib", 1.0, "uM"),), 24.0), Step(()))))
    'imatinib 1 uM for 24 h then vehicle'
    """
    return Treatment((Dose(" then ".join(map(str, steps)), 0.0, ""),), steps)


@cache
def treatment_from_canonical(text: str) -> Treatment:
    """Return the treatment that tables hold as text, which str() of it wrote; no drug catalogue is needed.

    For what people write see `parse_treatment`. A part without a dose, such as untreated, is a name alone, and so is
    a sequence ('... then ...'), whose steps the text alone does not give.

    >>> treatment_from_canonical("imatinib 1 uM + MSC serum").doses
    (Dose(drug='imatinib', amount=1.0, unit='uM'), Dose(drug='MSC serum', amount=0.0, unit=''))
    """
    if text in {"", str(Treatment())}:
        return Treatment()
    parts = [text] if " then " in text else text.split(" + ")
    return Treatment(tuple(map(_dose_from_canonical, parts)))


def _dose_from_canonical(text: str) -> Dose:
    drug, _, rest = text.rpartition(" ")
    drug, _, number = drug.rpartition(" ")
    return Dose(drug, float(number), rest) if drug and rest in UNITS else Dose(text, 0.0, "")
