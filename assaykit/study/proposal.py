"""What a study may be, told from what a lab already has: a protocol, a readout per heading, a well per sample.

    headings + protocol -> ColumnProposal per heading      samples -> SampleProposal per sample

Everything here is a guess that a person confirms: what is not told is left empty, what is not sure is `?`, which a
study refuses until somebody has written what it is.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path, PurePosixPath

from assaykit.errors import LayoutError, TreatmentError
from assaykit.plate import (
    DEFAULT_SIZE,
    SHARES,
    SIZES,
    Heading,
    Plate,
    Position,
    position_from_well,
    smallest_size,
    well_from_position,
)
from assaykit.protocol import Protocol
from assaykit.study.matching import sorted_by_well
from assaykit.study.stains import bare_names, plain_name
from assaykit.study.statistics import UNCONFIRMED, UNUSED
from assaykit.treatment import Catalogue, parse_treatment
from assaykit.vocabulary import Role

_SIGNED = re.compile(r"([^,;&/]*?[^\s,;&/+-])[\s-]*([+-])\s*(?=$|[,;&/])")
_KINDS = {"early": "early", "late": "late", "apopt": "apoptotic", "necro": "necrotic", "viable": "viable"}
_BY_SIGNS = {"-": {"-": "viable", "+": "necrotic", "": ""}, "+": {"-": "early", "+": "late", "": "apoptotic"}}
_ANNEXIN = re.compile(r"annexin|anx|\bav\b|annv|anv", re.IGNORECASE)
_DEATH_DYE = re.compile(r"\bpi\b|propidium|7-?aad|dapi|sytox|zombie|live.?dead|\bld\b|viab|\bto-?pro", re.IGNORECASE)
_ROLES: tuple[tuple[re.Pattern[str], Role], ...] = (
    (re.compile(r"(?i)fmo[\w-]*"), "fmo"),
    (re.compile(r"(?i)iso(?:type)?"), "isotype"),
    (re.compile(r"(?i)unst(?:ained)?|us"), "unstained"),
    (re.compile(r"(?i)beads"), "beads"),
    (re.compile(r"(?i)comp(?:ensation)?|ss"), "single_stain"),
    (re.compile(r"(?i)blank|water|pbs"), "blank"),
)
_EXPERIMENT = re.compile(
    r"(?:exp(?:eriment)?|e|day|donor|patient|pt|rep(?:licate)?|run|n)[ _-]?[0-9]{1,4}|[0-9]{4}-?[01][0-9]-?[0-3][0-9]",
    re.IGNORECASE,
)
_TOKENS = re.compile(r"[^\s_,;()\[\]]+")


@dataclass(frozen=True, slots=True)
class ColumnProposal:
    """The readout a heading seems to be: as [assay.columns] takes it, `unused`, or `?` where a person must say."""

    heading: str
    readout: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class SampleProposal:
    """One row of a layout, told from a sample's name: "" where it tells nothing."""

    name: str
    plate: str
    well: str
    role: str = ""
    marker: str = ""
    treatment: str = ""
    unit: str = ""
    group: str = ""


def proposed_protocols(headings: Iterable[Heading]) -> tuple[str, ...]:
    """Return the shipped protocols that headings fit: by annexin V, by CXCR4, else by what was read.

    >>> proposed_protocols([Heading("Live | Median (PE-A :: CD184)", "Live", "median", "PE-A", "CD184")])
    ('cxcr4_surface',)
    """
    told = list(headings)
    shares = " ".join(heading.text for heading in told if heading.statistic in (*SHARES, "count"))
    medians = [heading for heading in told if heading.statistic == "median"]
    dying = _ANNEXIN.search(shares) or re.search("(?i)apopto", shares)
    found: tuple[str, ...] = ("annexin_apoptosis",) if dying else ()
    if any(re.search(r"(?i)cxcr-?4|cd184", heading.text) for heading in medians):
        found += ("cxcr4_surface",)
    return found or (("marker_intensity",) if medians else ("immunophenotyping",))


def positive_markers(headings: Iterable[Heading]) -> tuple[str, ...]:
    """Return the markers of populations that are positive for one: CD4 of `T cells/CD4+`.

    >>> positive_markers([Heading("T cells/CD4+ | Freq. of Parent", "T cells/CD4+", "percent_of_parent")])
    ('CD4',)
    """
    leaves = (_leaf(heading.population) for heading in headings if heading.statistic in SHARES)
    found = (_SIGNED.fullmatch(leaf) for leaf in leaves)
    return tuple(dict.fromkeys(match[1].strip() for match in found if match and match[2] == "+"))


def proposed_columns(headings: Iterable[Heading], protocol: Protocol) -> list[ColumnProposal]:
    """Return what each heading seems to be for a protocol; of several for one readout the deepest gate is taken."""
    told = list(headings)
    main = _main_populations(told, protocol)
    found = {heading.text: _readout(heading, protocol, main) for heading in told}
    best: dict[str, Heading] = {}
    for heading in told:
        readout = found[heading.text].readout
        if readout and (readout not in best or _depth(heading) > _depth(best[readout])):
            best[readout] = heading
    proposals = []
    for heading in told:
        proposal = found[heading.text]
        if not proposal.readout:
            proposals.append(replace(proposal, readout=UNUSED))
        elif best[proposal.readout] is heading:
            proposals.append(proposal)
        else:
            remark = f"{proposal.readout} is read from {best[proposal.readout].text}"
            proposals.append(ColumnProposal(heading.text, UNUSED, remark))
    proposals = _one_channel(proposals, told)
    needs = _needed(protocol)
    if any(proposal.readout.split(" ")[-1] in {*needs, UNCONFIRMED} for proposal in proposals):
        return proposals
    return [
        replace(proposal, readout=UNCONFIRMED, remark="which of the protocol's readouts is it?")
        if heading.statistic in needs or (heading.statistic in SHARES and needs & set(SHARES)) or not heading.statistic
        else proposal
        for proposal, heading in zip(proposals, told, strict=True)
    ]


def _one_channel(proposals: list[ColumnProposal], headings: Sequence[Heading]) -> list[ColumnProposal]:
    """Return the proposals with `?` where columns of several channels could be the one marker of a protocol."""
    readouts = {
        p.heading: p.readout if p.readout != UNUSED else p.remark.partition(" is read from ")[0] for p in proposals
    }
    of = {h.text: h.channel or h.population for h in headings}
    depth = {h.text: _depth(h) for h in headings}
    unsure = set()
    for readout in {p.readout for p in proposals if p.readout.startswith("marker ")}:
        rivals = [text for text, name in readouts.items() if name == readout]
        if len({of[text] for text in rivals if depth[text] >= 0}) > 1:
            unsure |= set(rivals)
    remark = 'the marker? write "marker median" for one, "unused" for the others'
    return [ColumnProposal(p.heading, UNCONFIRMED, remark) if p.heading in unsure else p for p in proposals]


def _needed(protocol: Protocol) -> set[str]:
    """Return the statistics of which a table must have one for the protocol's primary analyses."""
    primary = {analysis.endpoint for analysis in protocol.analyses if analysis.primary}
    specs = [spec for spec in protocol.endpoints if spec.measured_as in primary]
    return {"median"} if any(spec.channel for spec in specs) else {"percent_of_parent", "percent_positive", "count"}


def _leaf(population: str) -> str:
    return population.rpartition("/")[2].strip()


def _depth(heading: Heading) -> int:
    """Return how deep a gate stands; all events stand above every gate."""
    return (
        -1 if plain_name(heading.population) in ("", "all", "allevents", "ungated") else heading.population.count("/")
    )


def _kind(population: str) -> str:
    """Return the kind of dying cells a population is by its name or by its signs; "" where it is none.

    >>> _kind("Cells/Q3: Annexin V+ , PI-"), _kind("Cells/Annexin V+"), _kind("Live"), _kind("late apoptotic")
    ('early', 'apoptotic', '', 'late')
    """
    leaf = re.sub(r"^Q\d+\s*:\s*", "", _leaf(population))
    signs: dict[str, str] = dict(_SIGNED.findall(leaf))
    annexin = next((sign for name, sign in signs.items() if _ANNEXIN.search(name)), "")
    dye = next((sign for name, sign in signs.items() if _DEATH_DYE.search(name)), "")
    if annexin:
        return _BY_SIGNS[annexin][dye]
    return next((kind for word, kind in _KINDS.items() if word in leaf.casefold()), "")


def _main_populations(headings: Sequence[Heading], protocol: Protocol) -> dict[str, str]:
    """Return population of the table -> the protocol's: that of the deepest median, and the parent of dying cells."""
    roles = {role: name for spec in protocol.endpoints for role, name in spec.populations.items()}
    found = {}
    medians = [heading for heading in headings if heading.statistic == "median" and _role(heading, protocol)]
    if medians and "cells" in roles:
        found[max(medians, key=_depth).population] = roles["cells"]
    kinds = [heading.population for heading in headings if _kind(heading.population)]
    parents = Counter(population.rpartition("/")[0] for population in kinds)
    if parents and "total" in roles and (parent := parents.most_common(1)[0][0]):
        found[parent] = roles["total"]
    return found


def _readout(heading: Heading, protocol: Protocol, main: Mapping[str, str]) -> ColumnProposal:
    """Return the readout of a heading by itself; "" where it seems to be none the protocol asks for."""
    roles = {role for spec in protocol.endpoints for role in spec.populations}
    kind = _kind(heading.population) if roles & {"early", "total"} else ""
    role = _role(heading, protocol)
    match heading.statistic:
        case "count" if kind or heading.population in main:
            return ColumnProposal(heading.text, f"{kind or main[heading.population]} count")
        case "percent_of_parent" | "percent" if kind:
            remark = "" if heading.statistic == "percent_of_parent" else "of all leukaemia cells?"
            return ColumnProposal(heading.text, f"{kind} percent_of_parent", remark)
        case "percent_of_parent" | "percent" if protocol.panel is not None and positive_markers([heading]):
            marker = re.sub(r"\W+", "_", positive_markers([heading])[0].casefold()).strip("_")
            return ColumnProposal(heading.text, f"{marker}_positive percent_of_parent")
        case "percent_of_parent" | "percent" if role and "percent_positive" in _statistics(protocol, role):
            return ColumnProposal(heading.text, f"{role} percent_positive")
        case "median" if role:
            remark = (
                "a median? write mean or geometric_mean where it is one" if "mfi" in heading.text.casefold() else ""
            )
            return ColumnProposal(heading.text, f"{role} median", remark)
        case "mean" | "geometric_mean" if role:
            if heading.statistic in _statistics(protocol, role):
                return ColumnProposal(heading.text, f"{role} {heading.statistic}")
            return ColumnProposal(heading.text, "", "the protocol reads medians: export the median as well")
        case _:
            return ColumnProposal(heading.text, "")


def _statistics(protocol: Protocol, role: str) -> set[str]:
    return {readout.statistic for readout in protocol.readouts if readout.channel == role}


def _role(heading: Heading, protocol: Protocol) -> str:
    """Return the channel role a heading is of: by its stain, its channel, or its population's sign; "" for none.

    A protocol with one nameless role takes every channel of light for it.
    """
    read = dict.fromkeys(readout.channel for readout in protocol.readouts if readout.channel)
    signed = _SIGNED.fullmatch(_leaf(heading.population))
    told = [heading.stain, heading.channel, signed[1] if signed and not heading.channel else ""]
    told += [] if heading.channel else [_leaf(heading.population)]
    for name in filter(None, told):
        plain = {plain_name(bare) for bare in bare_names(name)}
        for role in read:
            recipe = protocol.channels[role]
            known = {plain_name(bare) for one in (role, recipe.marker, *recipe.names) for bare in bare_names(one)}
            if plain & (known - {""}):
                return role
    nameless = [role for role in read if not protocol.channels[role].names and not protocol.channels[role].marker]
    light = not re.match(r"(?i)fsc|ssc|fs\b|ss\b|time", heading.channel)
    return (
        nameless[0]
        if len(nameless) == 1 and light and heading.statistic in ("median", "mean", "geometric_mean")
        else ""
    )


# Samples --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SampleNamed:
    """What is told of a sample: its name, and what a table or a file's keywords say of well, plate and unit."""

    name: str
    well: str = ""
    plate: str = ""
    unit: str = ""
    source: str = ""  # the table's name, where there are several
    group: str = ""


def proposed_samples(
    samples: Sequence[SampleNamed], protocols: Sequence[Protocol], catalogue: Catalogue
) -> tuple[list[SampleProposal], int]:
    """Return a layout's row for each sample, and the wells of the plates.

    A plate is what the table calls one, else an experiment, else a table. Samples that tell no well, or one that
    another has taken, are laid out row by row on the free wells: the layout finds them by their names.
    """
    told = [_told(sample, protocols, catalogue) for sample in samples]
    sources = {sample.source for sample in samples}
    units = {row.unit for row in told} - {""}
    names = [
        sample.plate or (row.unit if len(units) > 1 else "") or (sample.source if len(sources) > 1 else "") or "plate_1"
        for sample, row in zip(samples, told, strict=True)
    ]
    positions = _positions(samples, names)
    known = [position for position in positions if position is not None]
    corner = max((row for row, _ in known), default=0), max((column for _, column in known), default=0)
    size = max(smallest_size(corner) or DEFAULT_SIZE, DEFAULT_SIZE)
    wells = [(row, column) for row in range(SIZES[size][0]) for column in range(SIZES[size][1])]
    taken: dict[str, set[Position]] = defaultdict(set)
    proposals = {
        index: replace(row, unit=row.unit or (plate if _EXPERIMENT.fullmatch(plate) else ""))
        for index, (row, plate) in enumerate(zip(told, names, strict=True))
    }
    for index in sorted(proposals, key=lambda index: positions[index] is None):  # told wells first, then free ones
        position = positions[index]
        plate, well = next(
            (plate, free)
            for plate in _series(names[index])
            for free in ([position] if position is not None else wells)
            if free not in taken[plate]
        )
        taken[plate].add(well)
        proposals[index] = replace(proposals[index], plate=plate, well=well_from_position(well))
    return list(proposals.values()), size


def _series(name: str) -> Iterator[str]:
    """Yield a plate's name, and then those of further plates: day1, day1_2, day1_3; plate_1, plate_2."""
    stem, _, number = name.rpartition("_")
    first, last = (f"{stem}_", int(number)) if stem and number.isdigit() else (f"{name}_", 1)
    yield name
    yield from (f"{first}{further}" for further in count(last + 1))


def _positions(samples: Sequence[SampleNamed], plates: Sequence[str]) -> list[Position | None]:
    """Return the position each sample's table or name tells, read plate by plate as FCS files' names are."""
    largest = max(SIZES)
    found: list[Position | None] = [None] * len(samples)
    for plate in dict.fromkeys(plates):
        paths = {}
        for index, (sample, name) in enumerate(zip(samples, plates, strict=True)):
            if name != plate:
                continue
            try:
                found[index] = position_from_well(sample.well)
            except LayoutError:
                paths[Path(str(index), sample.name.replace("/", "_"))] = index
        by_well, _, _ = sorted_by_well(list(paths), Plate(plate, *SIZES[DEFAULT_SIZE], ()))
        strange = [path for path in paths if not any(path in several for several in by_well.values())]
        larger, _, _ = sorted_by_well(strange, Plate(plate, *SIZES[largest], ())) if by_well else ({}, [], [])
        for well, several in {**by_well, **larger}.items():
            for path in several:
                found[paths[path]] = position_from_well(well)
    return found


def _told(sample: SampleNamed, protocols: Sequence[Protocol], catalogue: Catalogue) -> SampleProposal:
    """Return what a sample's name tells of its role, marker, treatment and unit."""
    name = PurePosixPath(sample.name.replace("\\", "/")).name
    stem = re.sub(r"\.(?:fcs|lmd)$", "", name, flags=re.IGNORECASE)
    tokens = [token for token in _TOKENS.findall(stem) if not re.fullmatch(r"(?i)specimen|tube|well|\d{3}", token)]
    parts = [*tokens, *(part for token in tokens for part in token.split("-"))]
    role = next((role for words, role in _ROLES if any(map(words.fullmatch, parts))), "")
    unit = sample.unit or next((part for part in parts if _EXPERIMENT.fullmatch(part)), "")
    marker = _marker(parts, protocols) if role in ("fmo", "isotype", "single_stain") else ""
    return SampleProposal(sample.name, "", "", role, marker, _treatment(tokens, catalogue), unit, sample.group)


def _marker(words: Sequence[str], protocols: Sequence[Protocol]) -> str:
    """Return the channel role that one of the words of a control's name is, by marker or usual name."""
    plain = {plain_name(bare) for word in words for bare in bare_names(word)}
    for protocol in protocols:
        for role, recipe in protocol.channels.items():
            known = {plain_name(bare) for one in (role, recipe.marker, *recipe.names) for bare in bare_names(one)}
            if plain & (known - {""}):
                return role
    return ""


def _treatment(tokens: Sequence[str], catalogue: Catalogue) -> str:
    """Return the longest run of words that names a treatment as the catalogue knows it; "" where none does."""
    for length in range(min(len(tokens), 8), 0, -1):
        for start in range(len(tokens) - length + 1):
            text = " ".join(tokens[start : start + length])
            if not re.search("[A-Za-z]{3}", text):
                continue
            try:
                treatment = str(parse_treatment(text, catalogue))
            except TreatmentError:
                continue
            if treatment:
                return treatment
    return ""
