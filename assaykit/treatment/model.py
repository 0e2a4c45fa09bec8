"""`Treatment`: a set of drugs at doses, or steps one after another; `vehicle` is the empty set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Dose:
    """One drug at one dose; `drug` is the catalogue's canonical name, `unit` is canonical: nM, uM, mM, ng/mL ..."""

    drug: str
    amount: float
    unit: str

    def __str__(self) -> str:
        """Return e.g. 'imatinib 1 uM'; an arm without a dose, such as untreated, is its name alone."""
        number = f"{self.amount:.12g}"
        if len(number.partition(".")[2]) == 3:
            number += "0"  # 1.234 uM could be read as 1234 uM
        return f"{self.drug} {number} {self.unit}" if self.unit else self.drug


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
