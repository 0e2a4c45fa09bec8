"""Every error assaykit raises on purpose, as a tree.

    AssaykitError
    ├── InputError             something a user wrote or measured cannot be used
    │   ├── FcsError           a file is not FCS that can be read (byte, keyword, value)
    │   ├── LayoutError        a plate layout
    │   ├── CountsError        a table of counts
    │   ├── StatisticsError    a table of statistics that a cytometry program exported
    │   ├── TreatmentError     a drug, a dose or a treatment
    │   ├── LineError          a catalogue of cell lines
    │   ├── ProtocolError      a protocol file
    │   ├── StudyError         a study file
    │   ├── CompensationError  a spillover matrix
    │   ├── GateError          a gate, or the controls it is estimated from
    │   ├── EndpointError      an endpoint cannot be formed from its readouts
    │   ├── DesignError        a model or contrast the data cannot answer
    │   ├── EvidenceError      a catalogue of claims
    │   ├── LedgerError        an evidence ledger
    │   └── ResultsError       a results folder
    ├── StorageError           a disk that is full or broken, or a file another program holds
    │   └── RightsError        a file or folder that may not be read or written
    ├── WorkerError            a process that measured was killed, or memory ran out
    ├── TableError             a frame does not follow the glossary of tables.py
    └── Faults                 several InputErrors found in one pass

Every one says what must hold, what was found, where, and what to try. Arguments are positional, so that each
survives the trip through a process pool.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import Any

from assaykit.escaping import one_line


class AssaykitError(Exception):
    """A known error: what must hold, what was found, where, and what to try."""

    def __init__(self, must: str, found: str = "", where: str = "", remedy: str = "") -> None:
        super().__init__(must, found, where, remedy)
        self.must, self.found, self.where, self.remedy = must, found, where, remedy

    def __str__(self) -> str:
        """Return one paragraph: `where: must; found ... Try: ...`.

        >>> str(AssaykitError("a dose must have a unit", "'imatinib 1'", "plate.toml, well A1", "write '1 uM'"))
        "plate.toml, well A1: a dose must have a unit; found 'imatinib 1'. Try: write '1 uM'."
        """
        must, said, where, advice = map(_shortened, (self.must, self.found, self.where, self.remedy))
        place = f"{where}: " if where else ""
        found = f"; found {said}" if said else ""
        remedy = f" Try: {advice.rstrip('.')}." if advice else ""
        return one_line(f"{place}{must}{found}".rstrip(".") + "." + remedy)


def _shortened(text: str, most: int = 800) -> str:
    """Return a part of a message, its middle left out where a quotation makes it a page."""
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}"


class InputError(AssaykitError):
    """Something a user wrote or measured cannot be used."""


class FcsError(InputError):
    """A file cannot be read as FCS: which byte, which keyword, and what it held."""

    def __init__(
        self,
        must: str,
        found: str = "",
        where: str = "",
        remedy: str = "",
        byte: int | None = None,
        keyword: str | None = None,
        value: str | None = None,
    ) -> None:
        super().__init__(must, found, where, remedy)
        self.args = (must, found, where, remedy, byte, keyword, value)
        self.byte, self.keyword, self.value = byte, keyword, value


class LayoutError(InputError):
    """A plate layout cannot be used."""


class CountsError(InputError):
    """A table of counts cannot be used."""


class StatisticsError(InputError):
    """A table of statistics that a cytometry program exported cannot be used."""


class TreatmentError(InputError):
    """A drug, a dose or a treatment is not understood."""


class LineError(InputError):
    """A catalogue of cell lines cannot be used."""


class ProtocolError(InputError):
    """A protocol file cannot be used."""


class StudyError(InputError):
    """A study file cannot be used."""


class CompensationError(InputError):
    """A spillover matrix does not fit its channels, or cannot be inverted safely."""


class GateError(InputError):
    """A gate cannot be applied, or cannot be estimated from the controls given."""


class EndpointError(InputError):
    """An endpoint cannot be formed from the readouts given."""


class DesignError(InputError):
    """A model or a contrast cannot be estimated from this design."""


class EvidenceError(InputError):
    """A catalogue of claims cannot be used."""


class LedgerError(InputError):
    """An evidence ledger cannot be read or written."""


class ResultsError(InputError):
    """A results folder cannot be read or written."""


class StorageError(AssaykitError):
    """A disk is full or broken, or another program holds a file."""


class RightsError(StorageError):
    """A file or folder may not be read or written."""


class WorkerError(AssaykitError):
    """A process that measured was killed, or memory ran out."""


class TableError(AssaykitError):
    """A frame does not follow the glossary of tables."""


class Faults(AssaykitError):  # noqa: N818 - several faults are not one error
    """Several faults found in one pass, so that a user mends them all at once."""

    def __init__(self, errors: Sequence[InputError]) -> None:
        Exception.__init__(self, tuple(errors))
        self.errors = tuple(errors)
        self.must, self.found, self.where, self.remedy = "", "", "", ""

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


MOST_ALIKE = 8
"""So many faults of one kind are told one by one; of more, the first five and how many."""


def folded(errors: Sequence[InputError]) -> list[InputError]:
    """Return the errors with more than MOST_ALIKE of one kind (what must hold) told as five and a count.

    >>> [str(error) for error in folded([LayoutError("a well must be one", f"'Z{i}'") for i in range(99)])][-1]
    'a well must be one; found 94 more like the last.'
    """
    alike: dict[tuple[type[InputError], str], list[InputError]] = {}
    for error in errors:
        alike.setdefault((type(error), error.must), []).append(error)
    many = {key: group for key, group in alike.items() if len(group) > MOST_ALIKE}
    kept: list[InputError] = []
    for error in errors:
        key = type(error), error.must
        group = many.get(key)
        if group is None or any(error is one for one in group[:5]):
            kept.append(error)
        elif error is group[5]:
            kept.append(key[0](error.must, f"{len(group) - 5:,} more like the last", error.where.split(", ")[0]))
    return kept


MOST_DETAILS = 100
"""So many faults of one file's keys are looked into; of more, the first five, and how many there are."""


def looked_into(
    details: Sequence[Any], fault: Callable[[Any], InputError], kind: type[InputError], where: str
) -> list[InputError]:
    """Return the fault of each detail; of more than MOST_DETAILS the first five, and a fault that counts the rest.

    A file of a hundred thousand keys that mean nothing is refused as quickly as one of ten.
    """
    if len(details) <= MOST_DETAILS:
        return [fault(detail) for detail in details]
    rest = kind("every key must be a known one with a value that fits", f"{len(details) - 5:,} more faults", where)
    return [*(fault(detail) for detail in details[:5]), rest]


def storage_error(error: OSError, must: str, remedy: str = "") -> StorageError:
    """Return what the operating system refused as an error that says where, and what to try.

    >>> str(storage_error(OSError(errno.ENOSPC, "No space left on device", "a.csv"), "results must be written"))
    'a.csv: results must be written; found no space left on device. Try: free some space, or name another disk.'
    """
    found = (error.strerror or str(error) or type(error).__name__).lower()
    where = str(error.filename or "")
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return StorageError(must, found, where, remedy or "free some space, or name another disk")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return RightsError(must, found, where, remedy or "mend its rights, or name another place")
        case _:
            return StorageError(must, found, where, remedy or "see whether the disk is there and well, and run again")


def raise_all(errors: Sequence[InputError]) -> None:
    """Raise the one error as itself, several as `Faults`, many of one kind folded, none not at all."""
    told = folded(errors)
    if len(told) == 1:
        raise told[0]
    if told:
        raise Faults(told)
