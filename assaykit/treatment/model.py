"""`Treatment`: a set of drugs at doses; `vehicle` is the empty set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Dose:
    """One drug at one dose; `drug` is the catalogue's canonical name, `unit` is canonical: nM, uM, mM, ng/mL ..."""

    drug: str
    amount: float
    unit: str


@dataclass(frozen=True, slots=True)
class Treatment:
    """Drugs at doses, sorted by drug; str() gives e.g. 'imatinib 1 uM + plerixafor 10 uM'."""

    doses: tuple[Dose, ...] = ()

    def __str__(self) -> str:
        return " + ".join(f"{d.drug} {d.amount:g} {d.unit}" for d in self.doses) or "vehicle"

    @property
    def drugs(self) -> tuple[str, ...]:
        """The drugs' canonical names, sorted; empty for vehicle."""
        return tuple(dose.drug for dose in self.doses)
