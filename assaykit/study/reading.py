"""Read a study: every file it names, checked together, so that a user sees all its faults at once.

study.toml -> StudyFile -> layouts, counts, protocols, catalogue -> wells checked -> files matched -> Study
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from assaykit.endpoints import ENDPOINTS, endpoint_faults
from assaykit.errors import Faults, InputError, StatisticsError, StudyError, raise_all
from assaykit.escaping import file_name, one_line
from assaykit.line import LineCatalogue, read_lines
from assaykit.numerals import decimal_sign
from assaykit.plate import (
    Columns,
    Plate,
    Reading,
    Sample,
    StatisticsTable,
    Well,
    column_name,
    control_faults,
    read_statistics,
    reading_from_counts,
    reading_from_layout,
)
from assaykit.protocol import Protocol, read_protocol
from assaykit.sources import is_file, paths_from_pattern
from assaykit.study.design import design_faults, design_findings, unknown_lines
from assaykit.study.document import document_from_file, review_from_file, study_from_document
from assaykit.study.file import AssayEntry, OverrideEntry, StudyFile
from assaykit.study.inputs import input_file
from assaykit.study.matching import fcs_files, found_by, match_files, shared_files
from assaykit.study.model import Assay, Reference, Study
from assaykit.study.overrides import OverrideLine, with_overrides
from assaykit.study.panel import with_panel
from assaykit.study.percentages import cells_not_known, percentages_as_counts, with_shares
from assaykit.study.stains import unknown_markers
from assaykit.study.statistics import gated_elsewhere, plate_of_table, with_statistics
from assaykit.study.strata import strata
from assaykit.study.wells import Rules, check_plate_factors, with_named_counts
from assaykit.tables import Finding
from assaykit.treatment import Catalogue, extend_catalogue, parse_treatment, read_drugs
from assaykit.vocabulary import nearest

COMPENSATIONS = ("file", "none", "single_stain", "unmix", "unmix_weighted")
"""What a study may say of spillover, the path of a matrix aside; the last three are estimated from single stains."""


@dataclass(slots=True)
class _Collector:
    """What reading gathers on its way: faults, findings and the files read."""

    faults: list[InputError] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    inputs: list[Path] = field(default_factory=list)


def read_study(path: str | Path) -> Study:
    """Return the study, every treatment canonical and every well with its unit.

    Raises the fault, or Faults with all of them; a well whose FCS file is missing is no fault, for the run goes on.
    """
    path = Path(path)
    path = path / "study.toml" if os.path.isdir(path) else path  # noqa: PTH112 - Path.is_dir raises where this says no
    document = document_from_file(path)
    file, faults = study_from_document(document, path.name)
    collector = _Collector(faults, [], [path])
    if file is None:
        raise_all(faults)
        raise AssertionError("a study without values has a fault")
    study = _study(file, path, collector)
    raise_all(collector.faults)
    return study


def _study(file: StudyFile, path: Path, collector: _Collector) -> Study:
    folder = path.parent
    file = file.model_copy(
        update={"unit": column_name(file.unit), "factors": tuple(column_name(name) for name in file.factors)}
    )
    catalogue = _catalogue(file, folder, collector)
    lines = _lines(file, folder, collector)
    canonical = cache(lambda text: str(parse_treatment(text, catalogue)))
    rules = Rules(file.unit, _reference(file, catalogue, path.name, collector=collector), catalogue, str)
    written: list[tuple[str, Assay]] = []
    for number, entry in enumerate(file.assay, start=1):
        where = f"{path.name}, [[assay]] {number}" + (f" ({entry.name or entry.protocol})")
        assay = _assay(entry, _Place(folder, where), file, rules=rules, collector=collector)
        if assay is not None:
            by = tuple(column_name(name) for name in entry.by)
            parts, faults = strata(assay, by, unit=file.unit, primary=entry.primary_stratum, where=where)
            written += [(assay.name, part) for part in parts]
            collector.faults += faults
    assays, misplaced = with_overrides(written, _override_lines(file, path, collector), canonical=canonical)
    collector.faults += misplaced
    collector.faults += _repeated_names(assays, path.name)
    claims = tuple(_existing_path(file.claims, path, collector))
    study = Study(
        title=one_line(file.title),
        unit=file.unit,
        reference=rules.reference,
        assays=assays,
        source=path,
        seed=file.seed,
        primary_claims=file.primary,
        claims=claims,
        inputs=tuple(input_file(path) for path in dict.fromkeys((*collector.inputs, *claims))),
        catalogue=catalogue,
        lines=lines,
    )
    if not collector.faults:
        collector.faults += design_faults(study)
    return replace(study, findings=(*collector.findings, *design_findings(study), *unknown_lines(study)))


@dataclass(frozen=True, slots=True)
class _Place:
    """The study's folder, and the assay's place in the study file."""

    folder: Path
    where: str


def _assay(entry: AssayEntry, place: _Place, file: StudyFile, *, rules: Rules, collector: _Collector) -> Assay | None:
    protocol = _protocol(entry, place, collector)
    if not entry.plates and not entry.counts and not entry.measured:
        must = "an assay must have plates, counts or measured tables"
        collector.faults.append(StudyError(must, "none", place.where, 'write plates = ["plates/*.csv"]'))
    columns = Columns((file.unit,), (*file.factors, *_matched_factors(protocol), *map(column_name, entry.by)))
    layouts = [
        _read_layout(path, entry, place, columns=columns)
        for path in _paths_of(entry.plates, place, "plates", collector=collector)
    ]
    tables = [
        reading_from_counts(path, columns, label=_label(path, place.folder))
        for path in _paths_of(entry.counts, place, "counts", collector=collector)
    ]
    statistics = _statistics(entry, place, collector)
    rows: dict[str, dict[str, tuple[StatisticsTable, Sample]]] = {}
    for table in statistics if not entry.plates else ():
        plate, rows[plate.name], misread = plate_of_table(table, columns)
        layouts.append(Reading((plate,), misread, (table.source,)))
    for reading in (*layouts, *tables):
        collector.faults += reading.faults
        collector.inputs += reading.inputs
        source = _label(reading.inputs[0], place.folder)
        collector.findings += [Finding("note", "layout_alert", f"{source} says: {alert}") for alert in reading.alerts]
    decimal = decimal_sign(_treatments((*layouts, *tables)))
    canonical = cache(lambda text: str(parse_treatment(text, rules.catalogue, decimal=decimal)))
    endpoints = [ENDPOINTS[spec.endpoint] for spec in protocol.endpoints] if protocol else []
    targeted = any(endpoint.target for endpoint in endpoints)
    rules = replace(rules, targeted=targeted, decimal=decimal, canonical=canonical)
    plates = tuple(_check_plates(layouts, rules, collector))
    counts = _counts_or_shares(tuple(_check_plates(tables, rules, collector)), entry, collector)
    repeated = _repeated_plates((*plates, *counts), place.where)
    plates = plates if entry.measured else _with_files(plates, entry, place, collector=collector)
    plates = _with_lot(plates, entry, place, collector=collector)
    collector.faults += repeated or shared_files(plates, place.where)
    if protocol is None:
        return None
    protocol, marked, faults = with_panel(protocol, entry.markers, entry.populations, plates=plates, where=place.where)
    collector.faults += faults
    channels = {**marked, **entry.channels}
    controlled = any(readout.statistic == "control_median" for readout in protocol.readouts)
    if controlled or not statistics:  # one table may serve several assays, some of which have no controls
        collector.findings += unknown_markers(plates, protocol, channels)
    counts = tuple(with_named_counts(plate, protocol) for plate in counts)
    if statistics:
        gated = with_statistics(
            plates, statistics, entry.columns, protocol=protocol, where=place.where, rows=rows or None
        )
        plates, protocol = gated.plates, gated.protocol
        collector.faults += gated.faults
        collector.findings += (gated_elsewhere(entry.name or protocol.name, statistics, plates), *gated.findings)
    collector.faults += _channel_faults(entry, protocol, place.where)
    stains = _single_stains(entry, place, collector)
    if stains and protocol.compensation not in COMPENSATIONS[2:]:
        protocol = protocol.model_copy(update={"compensation": "single_stain"})
    return Assay(
        name=one_line(entry.name) or protocol.name,
        protocol=_with_compensation(
            _with_clones(protocol, entry.clones), entry, file, place=place, collector=collector
        ),
        single_stains=stains,
        plates=() if rows else plates,
        counts=(*counts, *(plates if rows else ())),
        statistics=tuple(dict.fromkeys(table.source for table in statistics)),
        channels=channels,
        catalogue=rules.catalogue,
    )


def _statistics(entry: AssayEntry, place: _Place, collector: _Collector) -> list[StatisticsTable]:
    """Return the exported tables of an assay; FCS files beside them, or columns without them, are a fault."""
    if entry.measured and entry.fcs:
        must = "an assay must have FCS files or tables that were measured elsewhere"
        collector.faults.append(
            StudyError(must, "both 'fcs' and 'measured'", place.where, "write an [[assay]] for each")
        )
    if entry.columns and not entry.measured:
        must = "'columns' must stand with 'measured'"
        collector.faults.append(StudyError(must, "no 'measured'", place.where, 'write measured = ["table.xlsx"]'))
    tables: list[StatisticsTable] = []
    for path in _paths_of(entry.measured, place, "measured", collector=collector):
        collector.inputs.append(path)
        try:
            tables += read_statistics(path, label=_label(path, place.folder), declared=entry.columns)
        except StatisticsError as error:
            collector.faults.append(error)
    return tables


def _counts_or_shares(tables: tuple[Plate, ...], entry: AssayEntry, collector: _Collector) -> tuple[Plate, ...]:
    """Return tables of counts as they are, asking where they look like shares; or as the shares the study says."""
    if entry.values == "counts":
        collector.faults += [fault for plate in tables for fault in percentages_as_counts(plate)]
        return tables
    whole = 100.0 if entry.values == "percent" else 1.0
    shares = [with_shares(plate, whole=whole) for plate in tables]
    collector.faults += [fault for _, faults in shares for fault in faults]
    collector.findings.append(cells_not_known(entry.name or entry.protocol))
    return tuple(plate for plate, _ in shares)


def _treatments(readings: Iterable[Reading]) -> set[str]:
    """Return every treatment of the layouts, as written."""
    wells = (well for reading in readings for plate in reading.plates for well in plate.wells)
    return {str(well.factors.get("treatment", "")) for well in wells}


REVIEW = "review.toml"
"""What a person set by hand when looking through the gates; `assaykit review` writes it beside the study."""


def _override_lines(file: StudyFile, path: Path, collector: _Collector) -> list[OverrideLine]:
    """Return every override of the study and of the review beside it, each with its place."""
    review, faults = review_from_file(path.parent / REVIEW)
    collector.faults += faults
    sources: list[tuple[str, Sequence[OverrideEntry]]] = [(path.name, file.override)]
    if review.study in ("", path.name) and is_file(path.parent / REVIEW):
        collector.inputs.append(path.parent / REVIEW)
        sources.append((REVIEW, review.override))
    return [
        OverrideLine(entry, f"{name}, [[override]] {number}")
        for name, entries in sources
        for number, entry in enumerate(entries, start=1)
    ]


def _matched_factors(protocol: Protocol | None) -> tuple[str, ...]:
    """Return the factors a protocol's endpoints are told to match wells by."""
    told = (str(spec.options.get("match", "")) for spec in protocol.endpoints) if protocol else ()
    return tuple(dict.fromkeys(name.strip() for text in told for name in text.split(",") if name.strip()))


def _read_layout(path: Path, entry: AssayEntry, place: _Place, *, columns: Columns) -> Reading:
    label = _label(path, place.folder)
    constants, faults = factors_from_name(path, entry.file_name, label)
    reading = reading_from_layout(path, columns, size=entry.wells, label=label, constants=constants)
    return replace(reading, faults=(*faults, *reading.faults))


def factors_from_name(path: Path, pattern: str, label: str) -> tuple[dict[str, str], list[InputError]]:
    """Return the factors a file's name tells by a pattern such as 'cxcr4_{experiment}', and a fault where it does not.

    >>> factors_from_name(Path("cxcr4_day1.csv"), "cxcr4_{experiment}", "")
    ({'experiment': 'day1'}, [])
    """
    if not pattern:
        return {}, []
    pieces = re.split(r"\{(\w+)\}", pattern)
    regex = "".join(f"(?P<{piece}>.+?)" if index % 2 else re.escape(piece) for index, piece in enumerate(pieces))
    match = re.fullmatch(regex, path.stem) or re.fullmatch(regex, path.name)
    if match is None:
        fault = StudyError(
            "a layout's file name must follow file_name", f"'{path.name}'", label, f"name it like {pattern}"
        )
        return {}, [fault]
    return match.groupdict(), []


def _check_plates(readings: Iterable[Reading], rules: Rules, collector: _Collector) -> Iterable[Plate]:
    for reading in readings:
        for plate in reading.plates:
            checked = check_plate_factors(plate, rules)
            collector.faults += (*checked.faults, *control_faults(checked.plate))
            collector.findings += checked.findings
            yield checked.plate


def _with_files(
    plates: Sequence[Plate], entry: AssayEntry, place: _Place, *, collector: _Collector
) -> tuple[Plate, ...]:
    """Return the plates with their wells' files; the same fault of several plates is told once."""
    names = [plate.name for plate in plates]
    matches = [match_files(plate, entry.fcs, place.folder, where=place.where, plates=names) for plate in plates]
    told: dict[tuple[str, str, str], list[str]] = {}
    for matched in matches:
        collector.findings += matched.findings
        for fault in matched.faults:
            told.setdefault((fault.must, fault.where, fault.remedy), []).append(fault.found)
    for (must, where, remedy), found in told.items():
        more = f" and so for {len(found) - 1} more" if len(found) > 1 else ""
        collector.faults.append(StudyError(must, found[0] + more, where, remedy))
    return tuple(matched.plate for matched in matches)


def _with_lot(
    plates: tuple[Plate, ...], entry: AssayEntry, place: _Place, *, collector: _Collector
) -> tuple[Plate, ...]:
    """Return the plates whose bead wells name the assay's lot of calibration beads, by a path from their layout."""
    if not entry.bead_lot:
        return plates
    lot = place.folder / entry.bead_lot
    if not os.path.lexists(lot):
        remedy = _sibling(place.folder, entry.bead_lot) or "mend the path; it is relative to the study file"
        found = f"no file '{entry.bead_lot}'"
        collector.faults.append(StudyError("the file of 'bead_lot' must exist", found, place.where, remedy))
        return plates
    collector.inputs.append(lot)
    bare = [plate.name for plate in plates if not any(well.role == "beads" for well in plate.wells)]
    if bare:
        message = f"no well of {', '.join(bare)} has the role beads, so bead_lot serves none there"
        collector.findings.append(Finding("warn", "bead_lot_unused", message))
    return tuple(
        replace(plate, wells=tuple(_with_own_lot(well, _from_layout(lot, plate)) for well in plate.wells))
        for plate in plates
    )


def _single_stains(entry: AssayEntry, place: _Place, collector: _Collector) -> tuple[Path, ...]:
    """Return the FCS files of single stains that a study keeps apart from its plates; none found is a fault."""
    files: dict[Path, None] = {}
    for pattern in entry.single_stains:
        found = fcs_files(place.folder, pattern)
        if not found:
            remedy = _sibling(place.folder, pattern) or "mend the path; it is relative to the study file"
            must = "the files of 'single_stains' must exist"
            collector.faults.append(StudyError(must, f"no FCS file '{pattern}'", place.where, remedy))
        files |= dict.fromkeys(found)
    collector.inputs += files
    return tuple(files)


def _from_layout(path: Path, plate: Plate) -> str:
    """Return a path as it is written from the folder of the plate's layout."""
    return Path(os.path.relpath(path, plate.source.parent)).as_posix() if plate.source else str(path)


def _with_own_lot(well: Well, lot: str) -> Well:
    if well.role != "beads" or well.factors.get("lot"):
        return well
    return replace(well, factors={**well.factors, "lot": lot})


def _protocol(entry: AssayEntry, place: _Place, collector: _Collector) -> Protocol | None:
    local = place.folder / entry.protocol
    try:
        protocol = read_protocol(local if os.path.lexists(local) else entry.protocol)
    except InputError as error:
        collector.faults.append(type(error)(error.must, error.found, error.where or place.where, error.remedy))
        return None
    except Faults as several:
        collector.faults += several.errors
        return None
    collector.inputs += [local] if os.path.lexists(local) else []
    faults = endpoint_faults(protocol)
    collector.faults += faults
    return None if faults else protocol


def _with_clones(protocol: Protocol, clones: Mapping[str, str]) -> Protocol:
    """Return the protocol with the antibody clones the lab declares."""
    channels = {
        role: channel.model_copy(update={"clone": clones[role]}) if role in clones else channel
        for role, channel in protocol.channels.items()
    }
    return protocol.model_copy(update={"channels": channels})


def _with_compensation(
    protocol: Protocol, entry: AssayEntry, file: StudyFile, *, place: _Place, collector: _Collector
) -> Protocol:
    """Return the protocol with the spillover the study asks for; a matrix is a file beside the study."""
    named = entry.compensation or file.compensation
    if not named or named in COMPENSATIONS:
        return protocol.model_copy(update={"compensation": named}) if named else protocol
    path = place.folder / named
    if not is_file(path):
        near = nearest(named, COMPENSATIONS)
        remedy = (
            f'write "{near}"'
            if near
            else _sibling(place.folder, named) or "mend the path; it is relative to the study file"
        )
        must = f"compensation must be {', '.join(COMPENSATIONS)} or the path of a matrix"
        collector.faults.append(StudyError(must, f"'{named}'", f"{place.where}, compensation", remedy))
        return protocol
    collector.inputs.append(path)
    return protocol.model_copy(update={"compensation": str(path)})


def _channel_faults(entry: AssayEntry, protocol: Protocol, where: str) -> list[InputError]:
    known = tuple(protocol.channels)
    faults: list[InputError] = []
    for key, roles in (("channels", entry.channels), ("clones", entry.clones)):
        for role in roles:
            if role not in known:
                near = nearest(role, known)
                remedy = f"write '{near}'" if near else f"use one of {', '.join(known)}"
                faults.append(
                    StudyError(
                        f"a channel must have a role of protocol {protocol.name}",
                        f"'{role}'",
                        f"{where}, {key}",
                        remedy,
                    )
                )
    singlets = [{gate.area, gate.height} for gate in protocol.gates if gate.kind == "singlets"]
    for channel in dict.fromkeys(name.strip().casefold() for name in entry.channels.values()):
        sharing = [role for role, name in entry.channels.items() if name.strip().casefold() == channel]
        if len(sharing) > 1 and set(sharing) not in singlets:  # where singlets cannot be told, the gate is passed over
            found = f"'{entry.channels[sharing[0]]}' for {' and '.join(sharing)}"
            remedy = "give each role its own channel"
            faults.append(StudyError("a channel must have one role", found, f"{where}, channels", remedy))
    return faults


def _catalogue(file: StudyFile, folder: Path, collector: _Collector) -> Catalogue:
    catalogue = read_drugs()
    for name in file.drugs:
        try:
            catalogue = extend_catalogue(catalogue, folder / name, label=name)
            collector.inputs.append(folder / name)
        except InputError as error:
            collector.faults.append(error)
        except Faults as faults:
            collector.faults += faults.errors
    return catalogue


def _lines(file: StudyFile, folder: Path, collector: _Collector) -> LineCatalogue:
    paths = [folder / name for name in file.lines]
    try:
        lines = read_lines(paths)
        collector.inputs.extend(paths)
        return lines
    except InputError as error:
        collector.faults.append(error)
    except Faults as faults:
        collector.faults += faults.errors
    return read_lines()


def _reference(file: StudyFile, catalogue: Catalogue, label: str, *, collector: _Collector) -> Reference:
    try:
        treatment = str(parse_treatment(file.reference.treatment, catalogue))
    except InputError as error:
        collector.faults.append(type(error)(error.must, error.found, f"{label}, reference, treatment", error.remedy))
        treatment = "vehicle"
    return Reference(treatment, file.reference.context)


def _paths_of(patterns: Sequence[str], place: _Place, key: str, *, collector: _Collector) -> list[Path]:
    """Return the files patterns mean, in order and once each; a pattern that means none is a fault."""
    paths: dict[str, Path] = {}  # by the file itself, so that ../data/a.csv and its full path are one
    for pattern in patterns:
        found = sorted(path for path in found_by(place.folder, pattern) if not path.name.startswith((".", "~$")))
        if not found:
            collector.faults.append(
                StudyError(
                    f"the files of '{key}' must exist",
                    f"no file '{pattern}'",
                    f"{place.where}, {key}",
                    _sibling(place.folder, pattern) or "mend the path; it is relative to the study file",
                )
            )
        for path in found:
            paths.setdefault(os.path.realpath(path), path)
    return list(paths.values())


def _sibling(folder: Path, pattern: str) -> str:
    """Return the advice to take the file most like a missing one, or ""."""
    wanted = folder / pattern
    try:
        there = tuple(path.name for path in paths_from_pattern(wanted.parent, "*"))
    except InputError:
        return ""
    near = nearest(wanted.name, there)
    return f"write '{(Path(pattern).parent / near).as_posix()}'" if near else ""


def _existing_path(names: Sequence[str], study: Path, collector: _Collector) -> Iterable[Path]:
    """Yield the catalogues of claims a study names; one that is missing is a fault."""
    for name in names:
        if not os.path.lexists(study.parent / name):
            remedy = _sibling(study.parent, name) or "mend the path; it is relative to the study file"
            where = f"{study.name}, claims"
            collector.faults.append(StudyError("the files of 'claims' must exist", f"no file '{name}'", where, remedy))
        yield study.parent / name


def _label(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _repeated_plates(plates: Sequence[Plate], where: str) -> list[InputError]:
    seen: dict[str, Plate] = {}
    faults: list[InputError] = []
    for plate in plates:
        if plate.name in seen:
            files = f"{_source(seen[plate.name])} and {_source(plate)}"
            faults.append(
                StudyError(
                    "plates of an assay must have different names",
                    f"'{plate.name}' in {files}",
                    where,
                    "rename a file or sheet",
                )
            )
        seen.setdefault(plate.name, plate)
    return faults


def _source(plate: Plate) -> str:
    """Return the file a plate was read from, by its folder and name."""
    return "/".join(plate.source.parts[-2:]) if plate.source else plate.name


def _repeated_names(assays: Sequence[Assay], label: str) -> list[InputError]:
    """Return a fault per name that several assays have, as files of the results would be called after them."""
    alike: dict[str, list[str]] = {}
    for assay in assays:
        alike.setdefault(file_name(assay.name).casefold(), []).append(assay.name)
    return [
        StudyError(
            "assays must have different names",
            f"'{names[0]}' {len(names)} times"
            if len(set(names)) == 1
            else f"{' and '.join(repr(name) for name in names)}, which no file's name tells apart",
            label,
            'give each a name = "..."',
        )
        for names in alike.values()
        if len(names) > 1
    ]
