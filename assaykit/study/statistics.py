"""Numbers that were gated elsewhere: samples of exported tables found for a study's wells, under its readouts' names.

    [assay.columns] -> a Readout per heading           "Live | Median (PE-A)" = "cxcr4 median" -> cxcr4_median
    samples         -> wells: the layout's `file`, the table's well, or the sample's name, read as an FCS file's is
    cells           -> numbers on one scale (shares in percent, concentrations per uL) -> Well.readouts

A cell that is no number is a finding of its well; what is wrong with a heading, or names no readout, is a fault.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from assaykit.errors import InputError, LayoutError, StatisticsError, StudyError
from assaykit.plate import (
    SHARES,
    Columns,
    DraftWell,
    Heading,
    Number,
    Plate,
    Sample,
    StatisticsTable,
    Well,
    once,
    position_from_well,
    statistic_from_entry,
    well_from_draft,
    well_from_position,
)
from assaykit.protocol import Protocol
from assaykit.study.matching import plate_pattern, sorted_by_well
from assaykit.tables import Finding
from assaykit.vocabulary import FATES, is_count, nearest

UNUSED = "unused"
UNCONFIRMED = "?"
OF_POPULATION = ("count", "concentration", "percent_of_parent", "percent_of_grandparent", "percent_of_total")
OF_CHANNEL = ("median", "mean", "geometric_mean", "robust_sd", "robust_cv", "percent_positive", "positive_median",
              "control_median", "stain_index", "imfi")  # fmt: skip
"""The statistics a table may bring, of a population and of a channel; what they mean stands in cytometry's READOUTS."""
_UNITS = {"percent": "percent", "%": "percent", "fraction": "fraction", "fractions": "fraction"}
_WITHOUT_CELLS = frozenset({"beads", "blank", "single_stain", "dead"})
_PER_ML = 1e-3  # a concentration per mL as one per uL


@dataclass(frozen=True, slots=True)
class ReadoutColumn:
    """A heading as the study names it: the readout it is, and the unit the study gives it ("" where it gives none)."""

    heading: str
    readout: str
    statistic: str
    channel: str = ""
    unit: str = ""


Found = tuple[StatisticsTable, Sample]


@dataclass(slots=True)
class _Met:
    faults: list[InputError] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Gated:
    """The plates whose wells hold their numbers, the protocol as it can be answered from them, and what was met."""

    plates: tuple[Plate, ...]
    protocol: Protocol
    findings: tuple[Finding, ...]
    faults: tuple[InputError, ...]


def with_statistics(
    plates: Sequence[Plate],
    tables: Sequence[StatisticsTable],
    columns: Mapping[str, str],
    *,
    protocol: Protocol,
    where: str,
    rows: Mapping[str, Mapping[str, Found]] | None = None,
) -> Gated:
    """Return the plates with the numbers of the tables' samples, one sample per well.

    `columns` is the study's mapping from headings to readouts, `where` its place in messages, `rows` the samples of the
    wells of plates that are tables themselves (see `plate_of_table`); those of a layout's wells are found by name.
    """
    met = _Met()
    chosen = _columns(columns, tables, protocol, where=where, met=met)
    units = _share_units(chosen, tables, where=where, met=met)
    own = _owners(plates, tables) if rows is None else {}
    samples = rows if rows is not None else {p.name: _wells_of_samples(p, own[p.name], met) for p in plates}
    filled = [_filled(plate, samples[plate.name], chosen, units=units, met=met) for plate in plates]
    used = {id(sample) for found in own.values() for _, sample in found}
    for table in tables if rows is None else ():
        lost = [sample for sample in table.samples if id(sample) not in used]
        met.findings += [_stranger(sample, "its table and its name tell no plate of the study") for sample in lost]
    return Gated(tuple(filled), _answerable(protocol), tuple(met.findings), tuple(met.faults))


def plate_of_table(table: StatisticsTable, columns: Columns) -> tuple[Plate, dict[str, Found], tuple[InputError, ...]]:
    """Return a table whose rows tell their own treatment as a plate, the sample of each of its wells, and its faults.

    Its columns that are factors of the study are read as a layout's are; the others are passed over. A well is named
    by its row, for one table holds the wells of several experiments.
    """
    wells: list[Well] = []
    samples: dict[str, Found] = {}
    faults: list[InputError] = []
    for sample in table.samples:
        name = sample.where.rpartition(", ")[2]
        known = {key: entry for key, entry in sample.columns.items() if key in columns.known and not is_count(key)}
        draft = DraftWell(name, sample.where, {key: entry for key, entry in known.items() if key != "file"})
        read = well_from_draft(draft, name, columns, folder=table.source.parent, decimal=table.decimal)
        wells.append(read.well)
        samples[name] = (table, sample)
        faults += (*read.faults, *(tally.fault for tally in read.tallies if tally.kind == "unreadable"))
    return Plate(table.name, len(wells), 1, tuple(wells), table.source), samples, once(faults)


# Headings -------------------------------------------------------------------------------------------------------


def readout_column(heading: str, text: str, protocol: Protocol, *, where: str) -> ReadoutColumn:
    """Return the readout that a line of [assay.columns] means; raises StudyError where it means none.

    `early percent_of_parent` is of a population, `cxcr4 median` of a channel, `cml cxcr4 median` of a channel in a
    population; `in percent` or `in fractions` may follow a share.
    """
    place = f'{where}, columns, "{heading}"'
    words = text.split()
    if words == [UNCONFIRMED] or not words:
        remedy = f'write the readout it is, such as {_example(protocol)}, or "{UNUSED}"'
        raise StudyError("a column must be confirmed", f"'{text}'", place, remedy)
    unit = _UNITS.get(words[-1].casefold(), "") if len(words) > 2 and words[-2] == "in" else ""
    *names, statistic = words[:-2] if unit else words
    if statistic not in (*OF_POPULATION, *OF_CHANNEL):
        near = nearest(statistic, (*OF_POPULATION, *OF_CHANNEL))
        remedy = f"write '{near}'" if near else f"end with one of {', '.join((*OF_POPULATION, *OF_CHANNEL))}"
        raise StudyError("a column's readout must end with a statistic", f"'{text}'", place, remedy)
    populations, channels = known_populations(protocol), tuple(protocol.channels)
    for name in names:
        if name not in (*populations, *channels):
            near = nearest(name, (*populations, *channels))
            known = channels if statistic in OF_CHANNEL else populations
            remedy = f"write '{near}'" if near else f"use one of {', '.join(known)}"
            must = f"a column's readout must name a population or channel role of protocol {protocol.name}"
            raise StudyError(must, f"'{name}'", place, remedy)
    within = [name for name in names if name in populations and name not in channels]
    of = [name for name in names if name not in within]
    right = (len(within), len(of)) == (1, 0) if statistic in OF_POPULATION else len(of) == 1 and len(within) < 2
    if not right:
        must = f"'{statistic}' must stand with " + (
            "one population" if statistic in OF_POPULATION else "one channel role, after at most one population"
        )
        known = populations if statistic in OF_POPULATION else channels
        raise StudyError(must, f"'{text}'", place, f"use one of {', '.join(known)}")
    return ReadoutColumn(heading, "_".join((*within, *of, statistic)), statistic, "".join(of), unit)


def known_populations(protocol: Protocol) -> tuple[str, ...]:
    """Return the populations a table's column may be of: the protocol's, and the kinds of dying cells it sorts."""
    roles = {role: name for spec in protocol.endpoints for role, name in spec.populations.items()}
    kinds = FATES if roles.keys() & {"early", "late", "total"} else ()
    return tuple(dict.fromkeys((*roles.values(), *kinds, *(gate.name for gate in protocol.gates))))


def _example(protocol: Protocol) -> str:
    first = next((r for r in protocol.readouts if r.statistic in (*OF_CHANNEL, *OF_POPULATION)), None)
    return f'"{first.channel or first.population} {first.statistic}"' if first else '"cells count"'


def _columns(
    columns: Mapping[str, str], tables: Sequence[StatisticsTable], protocol: Protocol, *, where: str, met: _Met
) -> list[ReadoutColumn]:
    """Return the columns that are readouts; a note names those of the tables that no line speaks of."""
    headings = {heading: table.label for table in tables for heading in table.headings}
    chosen: list[ReadoutColumn] = []
    if not columns:
        remedy = f'write [assay.columns] with lines such as "{next(iter(headings), "...")}" = {_example(protocol)}'
        met.faults.append(StudyError("the columns of 'measured' must be named", "no [assay.columns]", where, remedy))
        return []
    for heading, text in columns.items():
        if heading not in headings:
            near = nearest(heading, tuple(headings))
            remedy = f'write "{near}"' if near else f"the tables have {', '.join(headings)}"
            must = "a column must be one of the tables in 'measured'"
            met.faults.append(StudyError(must, f"'{heading}'", f"{where}, columns", remedy))
            continue
        if text.strip() == UNUSED:
            continue
        try:
            column = readout_column(heading, text, protocol, where=where)
        except StudyError as error:
            met.faults.append(error)
            continue
        other = next((one for one in chosen if one.readout == column.readout), None)
        if other and {table.label for table in tables if {heading, other.heading} <= table.headings.keys()}:
            must = "two columns of one table must not be the same readout"
            found = f"'{other.heading}' and '{heading}' are both {text}"
            met.faults.append(StudyError(must, found, f"{where}, columns", f'write "{UNUSED}" for one'))
        chosen.append(column)
    silent = [heading for heading in headings if heading not in columns]
    if silent:
        more = f" and {len(silent) - 6} more" if len(silent) > 6 else ""
        message = f"columns of {', '.join(dict.fromkeys(headings[h] for h in silent))} are not used, for no line of "
        message += f"[assay.columns] names them: {', '.join(silent[:6])}{more}."
        met.findings.append(Finding("note", "columns_unused", message))
    return chosen


def _share_units(
    columns: Sequence[ReadoutColumn], tables: Sequence[StatisticsTable], *, where: str, met: _Met
) -> dict[str, str]:
    """Return heading -> percent or fraction, for shares.

    The study's word comes first, then the heading's, then a sign in the cells; a number above 1 is no fraction of
    anything. Where nothing tells, 0.12 may be either, and is a fault.
    """
    units: dict[str, str] = {}
    for column in columns:
        if column.statistic not in SHARES:
            continue
        of = [(table, table.headings[column.heading]) for table in tables if column.heading in table.headings]
        entries = [
            (table, entry)
            for table, _ in of
            for sample in table.samples
            for entry in [sample.numbers.get(column.heading)]
        ]
        numbers = [statistic_from_entry(entry, decimal=table.decimal) for table, entry in entries if entry is not None]
        told = column.unit or next((heading.unit for _, heading in of if heading.unit), "")
        signed = any(number.percent or (number.value or 0.0) > 1 for number in numbers)
        if told or signed:
            units[column.heading] = told or "percent"
        elif any(number.value is not None for number in numbers):
            low = max(number.value for number in numbers if number.value is not None)
            text = f"{column.readout.removesuffix(f'_{column.statistic}')} {column.statistic}"
            met.faults.append(
                StudyError(
                    "a share must say whether it is in percent or a fraction",
                    f"neither, and no number above {low:g}",
                    f'{where}, columns, "{column.heading}"',
                    f'write "{text} in percent", or "{text} in fractions"',
                )
            )
    return units


# Samples and wells ----------------------------------------------------------------------------------------------


def _owners(plates: Sequence[Plate], tables: Sequence[StatisticsTable]) -> dict[str, list[Found]]:
    """Return the samples of each plate: those its layout names, and those whose plate, name or table's name tells it.

    Where there is one plate, samples that tell none are its.
    """
    longest = sorted((plate.name for plate in plates), key=len, reverse=True)
    by_file: dict[str, list[str]] = defaultdict(list)
    for plate in plates:
        for well in plate.wells:
            if well.file is not None:
                by_file[_bare(well.file.name)].append(plate.name)
    found: dict[str, list[Found]] = {plate.name: [] for plate in plates}
    for table in tables:
        for sample in table.samples:
            named = by_file.get(_bare(sample.name), [])
            texts = (sample.plate, sample.name, table.label.rpartition("/")[2])
            told = (name for text in texts for name in longest if text and plate_pattern(name).search(text))
            alone = longest[0] if len(longest) == 1 else ""
            owner = (named[0] if len(set(named)) == 1 else "") or next(told, "") or alone
            if owner:
                found[owner].append((table, sample))
    return found


def _bare(name: str) -> str:
    """Return a sample's or a file's name without folder and ending, in small letters."""
    last = PurePosixPath(name.replace("\\", "/")).name.casefold()
    return last.removesuffix(".fcs").removesuffix(".lmd")


def _canonical_well(text: str) -> str:
    try:
        return well_from_position(position_from_well(text))
    except LayoutError:
        return ""


def _wells_of_samples(plate: Plate, samples: Sequence[Found], met: _Met) -> dict[str, Found]:
    """Return well -> sample: by the layout's `file`, else the table's column of wells, else the sample's name."""
    by_well: dict[str, list[Found]] = defaultdict(list)
    named = [(_bare(well.file.name), well.name) for well in plate.wells if well.file is not None]
    often = Counter(name for name, _ in named)
    by_file = {name: well for name, well in named if often[name] == 1}  # FACSDiva may call every well Specimen_001
    nameless: dict[Path, Found] = {}
    for number, (table, sample) in enumerate(samples):
        well = by_file.get(_bare(sample.name), "") or _canonical_well(sample.well)
        if well:
            by_well[well].append((table, sample))
        else:
            nameless[Path(str(number), sample.name.replace("/", "_"))] = (table, sample)
    told, strangers, findings = sorted_by_well(list(nameless), plate)
    met.findings += findings
    met.findings += [_stranger(nameless[path][1], "its name tells no well", plate.name) for path, _ in strangers]
    for well, paths in told.items():
        by_well[well] += [nameless[path] for path in paths]
    known = {well.name for well in plate.wells}
    for well, found in by_well.items():
        if well not in known:
            met.findings += [_stranger(s, f"well {well} is not in the layout", plate.name, well) for _, s in found]
        elif len(found) > 1:
            names = " and ".join(f"{sample.name} ({sample.where})" for _, sample in found)
            must = "a well must have one sample of the tables"
            remedy = "name each well's sample in the layout's column 'file'"
            met.faults.append(StatisticsError(must, f"{names} for well {well} of plate {plate.name}", "", remedy))
    return {well: found[0] for well, found in by_well.items() if well in known}


def _stranger(sample: Sample, why: str, plate: str = "", well: str = "") -> Finding:
    message = f"{sample.where}: {sample.name} is not used: {why}; describe the well, or delete the row."
    return Finding("warn", "sample_without_well", message, plate, well)


def _filled(
    plate: Plate,
    samples: Mapping[str, Found],
    columns: Sequence[ReadoutColumn],
    *,
    units: Mapping[str, str],
    met: _Met,
) -> Plate:
    """Return the plate whose wells hold their samples' numbers; a well without a sample is a finding."""
    wells = []
    for well in plate.wells:
        bare = replace(well, file=None)
        if well.name not in samples:
            wells.append(bare)
            if well.role not in _WITHOUT_CELLS:
                sought = f"no sample {well.file.name}" if well.file else "no sample whose name or well tells it"
                message = f"{sought} is in the tables, so the well has no numbers."
                met.findings.append(Finding("fail", "sample_missing", message, plate.name, well.name))
            continue
        table, sample = samples[well.name]
        readouts: dict[str, float] = {}
        for column in columns:
            entry = sample.numbers.get(column.heading)
            if entry is None:
                continue
            number = statistic_from_entry(entry, decimal=table.decimal)
            value, problem = _on_scale(number, column, units.get(column.heading, ""), table.headings[column.heading])
            if problem:
                message = f"{entry.where}, {column.heading}: {problem}, so {column.readout} of the well is not known."
                met.findings.append(
                    Finding("fail", "cell_not_read", message, plate.name, well.name, channel=column.channel)
                )
            else:
                readouts[column.readout] = value
        wells.append(replace(bare, readouts=readouts))
    return replace(plate, wells=tuple(wells))


def _on_scale(number: Number, column: ReadoutColumn, unit: str, heading: Heading) -> tuple[float, str]:
    """Return a number in the readout's unit (percent, cells, cells/uL, intensity), or why it cannot be one."""
    if number.value is None:
        return 0.0, number.problem
    value = number.value
    if column.statistic in SHARES:
        value *= 100.0 if unit == "fraction" and not number.percent else 1.0
        if not 0 <= value <= 100:
            return 0.0, f"{number.value:g} is no share of cells in {unit}"
    elif column.statistic in ("count", "concentration"):
        value *= _PER_ML if heading.unit == "per mL" else 1.0
        if value < 0:
            return 0.0, f"{number.value:g} is no number of cells"
    return value, ""


def _answerable(protocol: Protocol) -> Protocol:
    """Return the protocol whose endpoints that back no primary analysis are optional: a table rarely has them all."""
    asked = {analysis.endpoint for analysis in protocol.analyses if analysis.primary}
    endpoints = tuple(
        spec if spec.measured_as in asked else spec.model_copy(update={"optional": True}) for spec in protocol.endpoints
    )
    return protocol.model_copy(update={"endpoints": endpoints})


def gated_elsewhere(assay: str, tables: Iterable[StatisticsTable], plates: Iterable[Plate]) -> Finding:
    """Return what cannot be known of numbers that were gated elsewhere, once for an assay."""
    names = ", ".join(dict.fromkeys(table.source.name for table in tables))
    counted = any(name.endswith("_count") for plate in plates for well in plate.wells for name in well.readouts)
    message = (
        f"{assay}: the numbers of {names} were gated elsewhere: the gates, how sure their thresholds are, compensation "
        "and the quality of acquisition cannot be looked at here"
    )
    message += "." if counted else ", nor how many cells stand behind each value: few are not told from many."
    return Finding("note", "gated_elsewhere", message)
