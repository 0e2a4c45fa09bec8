"""Plates and wells that are not as their sisters: another cytometer, label of a detector or date, a stain left out.

headers of an assay's files -> what most say -> those that say otherwise
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from assaykit.checks import Located
from assaykit.cytometry.channels import role_columns, roles_read
from assaykit.cytometry.copies import WellFile, well_files
from assaykit.cytometry.gate_estimate import well_names
from assaykit.study import Assay, on_plate, plain_name
from assaykit.tables import Finding, Level

FAR = 366  # days between plates of one study that are more than most studies take
FAR_OFF = 1826  # days, five years: a clock that was never set
_MONTHS = {name: number for number, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
)}  # fmt: skip

ByPlate = Mapping[str, Sequence[WellFile]]


def sister_findings(assay: Assay) -> list[Located]:
    """Return what the headers of some wells or plates say against those of most."""
    by_plate: dict[str, list[WellFile]] = defaultdict(list)
    for file in well_files(assay):
        by_plate[file.plate.name].append(file)
    return [
        *_cytometer_findings(by_plate),
        *_stain_findings(assay, by_plate),
        *_missing_stain_findings(assay, by_plate),
        *_date_findings(by_plate),
    ]


def _cytometer_findings(by_plate: ByPlate) -> Iterator[Located]:
    """Yield a warning for wells of a plate on another $CYT than most, and a note for a plate on another than most."""
    named = {
        plate: [(f, f.header.keywords.get("$CYT", "").strip()) for f in files] for plate, files in by_plate.items()
    }
    usual = {plate: _most(text for _, text in files) for plate, files in named.items()}
    for plate, files in named.items():
        odd = [file for file, text in files if text and text != usual[plate]]
        if odd:
            other = odd[0].header.keywords.get("$CYT", "").strip()
            message = f"{well_names([f.well for f in odd])} were acquired on '{other}', most wells on '{usual[plate]}'"
            yield _located("warn", "cytometer_differs", f"{message}: their intensities cannot be compared", odd)
    most = _most(usual.values())
    for plate, text in usual.items():
        if text and text != most:
            message = (
                f"the plate was acquired on '{text}', most others on '{most}'; within the plate that changes nothing"
            )
            yield _located("note", "cytometer_differs", message, by_plate[plate])


def _stain_findings(assay: Assay, by_plate: ByPlate) -> Iterator[Located]:
    """Yield wells whose detector bears another stain than in most wells of the assay.

    It is a fail where labels changed places, or where a role is read from another detector than in most wells of its
    plate. Only detectors in use are asked, where both say something; case, blanks and signs are no difference.
    """
    for role in roles_read(assay.protocol):
        told = [
            (f, name, stain) for files in by_plate.values() for f in files for name, stain in _labelled(assay, f, role)
        ]
        usual = _most(plain_name(stain) for _, _, stain in told)
        others = {plain_name(c.stain) for files in by_plate.values() for f in files for c in f.header.channels} - {
            usual,
            "",
        }
        for files in by_plate.values():
            columns = {file.place: _columns(assay, file, role).get(role, "") for file in files}
            most = _most(columns.values())
            moved = [file for file in files if columns[file.place] not in {"", most}]
            if moved:
                names = ", ".join(dict.fromkeys(columns[file.place] for file in moved))
                words = (
                    f"{role} is read from {names} in {well_names([f.well for f in moved])}, from {most} in most wells"
                )
                yield _located("fail", "stain_differs", f"{words}: check the labels ($PnS)", moved, channel=role)
        odd: dict[tuple[str, str, str], list[WellFile]] = defaultdict(list)
        for file, name, stain in told:
            if plain_name(stain) != usual:
                odd[file.plate.name, name, stain].append(file)
        for (_, name, stain), files in odd.items():
            labels = {plain_name(channel.stain) for channel in files[0].header.channels}
            swapped = plain_name(stain) in others and usual in labels
            wells = well_names([file.well for file in files])
            words = f"{name} ({role}) is labelled '{stain}' in {wells}, '{usual}' in most wells"
            level: Level = "fail" if swapped else "warn"
            why = "the labels of two detectors changed places" if swapped else "another stain, or another name for it"
            yield _located(level, "stain_differs", f"{words}: {why}", files, channel=role)


def _labelled(assay: Assay, file: WellFile, role: str) -> list[tuple[str, str]]:
    """Return ($PnN, $PnS) of the detector a role is read from, where it bears a label."""
    name = _columns(assay, file, role).get(role)
    return [(c.name, c.stain) for c in file.header.channels if c.name == name and plain_name(c.stain)]


def _columns(assay: Assay, file: WellFile, role: str) -> dict[str, str]:
    """Return role -> $PnN where the file has the role, by the channels the study gives this plate."""
    return role_columns(on_plate(assay, file.plate), file.header.channels, [role])


def _missing_stain_findings(assay: Assay, by_plate: ByPlate) -> Iterator[Located]:
    """Yield a warning per plate without a channel that most plates have, for roles a file need not have."""
    roles = [role for role, recipe in assay.protocol.channels.items() if not recipe.required]
    for role in roles:
        having = {
            plate: any(role in _columns(assay, file, role) for file in files) for plate, files in by_plate.items()
        }
        lacking = [plate for plate, has in having.items() if not has]
        if lacking and 2 * len(lacking) < len(having):
            for plate in lacking:
                message = f"no file has a channel for {role}, which the other plates have: left out, or named otherwise"
                yield _located("warn", "stain_missing", message, by_plate[plate], channel=role)


def _date_findings(by_plate: ByPlate) -> Iterator[Located]:
    """Yield a warning per plate, or wells of a plate, whose $DATE is far from what the others say."""
    days = {plate: [(f, day) for f in files if (day := _day(f)) is not None] for plate, files in by_plate.items()}
    middle = {plate: sorted(day for _, day in found)[len(found) // 2] for plate, found in days.items() if found}
    for plate, found in days.items():
        odd = [f for f, day in found if abs((day - middle[plate]).days) > 1]
        if odd:
            message = f"$DATE of {well_names([f.well for f in odd])} is not the day of most wells, {middle[plate]}"
            yield _located("warn", "date_odd", f"{message}: were files of another run put here?", odd)
    for plate, day in middle.items():
        others = [other for name, other in middle.items() if name != plate]
        far = [abs((day - other).days) for other in others]
        said = [when for f in by_plate[plate][:1] for value in f.well.factors.values() if (when := _iso(value))]
        if (far and min(far) > FAR_OFF) or (len(far) > 1 and min(far) > FAR):
            message = f"the files say they are of {day}, all other plates of {min(others)} to {max(others)}"
            yield _located("warn", "date_odd", f"{message}: was the cytometer's clock set?", by_plate[plate])
        elif said and abs((day - said[0]).days) > FAR:
            message = f"the files say they are of {day}, the layout of {said[0]}"
            yield _located("warn", "date_odd", f"{message}: was the cytometer's clock set?", by_plate[plate])


def _day(file: WellFile) -> date | None:
    """Return $DATE, written 04-MAR-2025 (or 2025-03-04); None where it is written otherwise or not at all."""
    text = file.header.keywords.get("$DATE", "").strip()
    match = re.fullmatch(r"(\d{1,2})-([A-Za-z]{3})-(\d{4})", text)
    if match and match[2].lower() in _MONTHS:
        return _date(int(match[3]), _MONTHS[match[2].lower()], int(match[1]))
    return _iso(text)


def _iso(value: object) -> date | None:
    match = re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", str(value).strip())
    return _date(int(match[1]), int(match[2]), int(match[3])) if match else None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _most(texts: Iterable[str]) -> str:
    counted = Counter(filter(None, texts))
    return counted.most_common(1)[0][0] if counted else ""


def _located(level: Level, check: str, message: str, files: Sequence[WellFile], *, channel: str = "") -> Located:
    well = files[0].well.name if len(files) == 1 else ""
    finding = Finding(level, check, message, files[0].plate.name, well, channel)
    return Located(finding, tuple(file.place for file in files))
