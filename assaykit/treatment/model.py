"""`Treatment`: a set of drugs at doses; `vehicle` is the empty set."""

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
class Treatment:
    """Drugs at doses, sorted by drug; str() gives e.g. 'imatinib 1 uM + plerixafor 10 uM'."""

    doses: tuple[Dose, ...] = ()

    def __str__(self) -> str:
        return " + ".join(map(str, self.doses)) or "vehicle"

    @property
    def drugs(self) -> tuple[str, ...]:
        """The drugs' canonical names, sorted; empty for vehicle."""
        return tuple(dose.drug for dose in self.doses)
