"""A new study to fill in: a commented study.toml, XLSX layouts with a sheet per plate, folders for FCS files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assaykit.endpoints import endpoint_by_name
from assaykit.errors import StudyError
from assaykit.plate import SIZES, row_letters
from assaykit.protocol import Protocol, protocol_schema, read_protocol
from assaykit.study import study_schema
from assaykit.treatment import drugs_schema
from assaykit.vocabulary import CHAMBER, CONTEXTS, ROLES, TARGETS

_YES_NO = ("yes", "no")
_CHOICES: dict[str, Sequence[str]] = {
    "role": ROLES,
    "context": tuple(CONTEXTS),
    "target": tuple(TARGETS),
    "ligand": _YES_NO,
    "permeabilised": _YES_NO,
}
_HELP = (
    "One sheet per plate. Each block holds one factor: write it where the well is. Empty wells are left out.",
    "experiment: one level per independent experiment, e.g. its date. Wells of one plate are not independent.",
    "treatment: 'vehicle', or drug and dose: 'imatinib 1 uM', 'imatinib 1 uM + plerixafor 10 uM'.",
    f"context: {', '.join(CONTEXTS)}; the study's reference context where left empty.",
    f"role: {', '.join(ROLES)}; sample where left empty.",
    "marker: the stain an FMO lacks, or a single stain has, by the protocol's channel role, e.g. cxcr4.",
    f"target (migration): {', '.join(TARGETS)}; input for {TARGETS['input'].words}.",
    "dilution: how many times the sample was diluted before it was run, 20 for 1:20; mostly of input wells.",
    "exclude: add a block of it to leave a well out, and write the reason where the well is.",
    "Vehicle belongs on every plate and in every context; an FMO per treatment, for drugs change autofluorescence.",
    "A sheet named README or Notes is not read.",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a new study is made for."""

    protocols: tuple[str, ...]
    size: int
    experiments: int
    unit: str
    counts: bool = False

    @property
    def levels(self) -> tuple[str, ...]:
        """The units' provisional names."""
        return tuple(f"{self.unit[0].upper()}{number}" for number in range(1, self.experiments + 1))


def write_template(folder: Path, plan: Plan) -> list[Path]:
    """Write the study and return the files written.

    Raises StudyError where the folder holds a study or the plate has no such size, ProtocolError for an unknown one.
    """
    if (folder / "study.toml").exists():
        raise StudyError(
            "a new study must go to a folder without one", "a study.toml", str(folder), "name another folder"
        )
    if plan.size not in SIZES:
        sizes = ", ".join(map(str, SIZES))
        raise StudyError(
            "a plate must have a standard number of wells", str(plan.size), "--plate", f"write one of {sizes}"
        )
    protocols = [read_protocol(name) for name in plan.protocols]
    written = []
    for protocol in protocols:
        path = folder / ("counts" if plan.counts else "plates") / f"{protocol.name}.xlsx"
        path.parent.mkdir(parents=True, exist_ok=True)
        (_write_counts if plan.counts else _write_layout)(path, protocol, plan)
        written.append(path)
        for title in () if plan.counts else _titles(protocol, plan):
            (folder / "fcs" / title).mkdir(parents=True, exist_ok=True)
    study, schema = folder / "study.toml", folder / "study.schema.json"
    study.write_text(_study_toml(protocols, plan), encoding="utf-8")
    schema.write_text(schema_text("study"), encoding="utf-8")
    return [study, schema, *written]


def schema_text(kind: str) -> str:
    """Return the JSON Schema of a kind of file as text; StudyError where there is no such kind."""
    schemas = {"study": study_schema, "protocol": protocol_schema, "drugs": drugs_schema}
    if kind not in schemas:
        raise StudyError(f"a schema must be one of {', '.join(schemas)}", f"'{kind}'")
    return json.dumps(schemas[kind](), indent=2, ensure_ascii=False) + "\n"


def _titles(protocol: Protocol, plan: Plan) -> list[str]:
    """Return the plates' names, which are sheet names: at most 31 signs."""
    return [f"{protocol.name[: 30 - len(level)]}_{level}" for level in plan.levels]


def block_factors(protocol: Protocol) -> list[str]:
    """Return the factors a layout of the protocol has a block for."""
    endpoints = [endpoint_by_name(spec.endpoint) for spec in protocol.endpoints]
    wanted = [name for endpoint in endpoints for name, held in endpoint.only.items() if held]
    factors = ["treatment", "context", "role", "marker"]
    factors += ["target"] if any(endpoint.target for endpoint in endpoints) else []
    factors += ["dilution"] if any(endpoint.counted for endpoint in endpoints) else []
    return list(dict.fromkeys((*factors, *wanted)))


def _write_layout(path: Path, protocol: Protocol, plan: Plan) -> None:
    from openpyxl import Workbook

    book = Workbook()
    help_sheet: Any = book.active
    help_sheet.title = "README"
    for line in _HELP:
        help_sheet.append([line])
    help_sheet.column_dimensions["A"].width = 110
    for title, level in zip(_titles(protocol, plan), plan.levels, strict=True):
        _fill_sheet(book.create_sheet(title), protocol, plan, level=level)
    book.save(path)


def _fill_sheet(sheet: Any, protocol: Protocol, plan: Plan, *, level: str) -> None:
    """Write the plate-shaped blocks of one plate, empty, with lists to choose from."""
    from openpyxl.styles import Border, Font, PatternFill, Side
    from openpyxl.worksheet.datavalidation import DataValidation

    line, head = Side(style="thin", color="BBBBBB"), PatternFill("solid", fgColor="DDEBF7")
    rows, columns = SIZES[plan.size]
    constants: list[tuple[str, str | None]] = [(plan.unit, level)]
    constants += [("beads_added", None)] if "beads" in protocol.channels else []
    for name, value in constants:
        sheet.append([name, value])
    start = len(constants) + 2
    for factor in block_factors(protocol):
        sheet.cell(start, 1, factor).font = Font(bold=True)
        for column in range(1, columns + 1):
            sheet.cell(start, column + 1, column).fill = head
        for row in range(1, rows + 1):
            sheet.cell(start + row, 1, row_letters(row - 1)).fill = head
            for column in range(2, columns + 2):
                sheet.cell(start + row, column).border = Border(line, line, line, line)
        if factor in _CHOICES:
            listed = DataValidation(type="list", formula1=f'"{",".join(_CHOICES[factor])}"', allow_blank=True)
            listed.add(f"B{start + 1}:{sheet.cell(start + rows, columns + 1).coordinate}")
            sheet.add_data_validation(listed)
        start += rows + 2
    sheet.column_dimensions["A"].width = 14
    sheet.freeze_panes = "B1"


def _write_counts(path: Path, protocol: Protocol, plan: Plan) -> None:
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook()
    sheet: Any = book.active
    sheet.title = "counts"
    sheet.append(_count_columns(protocol, plan))
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for level in plan.levels:
        sheet.append([level])
    notes: Any = book.create_sheet("Notes")
    for line in (
        *_HELP[1:4],
        _HELP[6],
        "One row per well or insert; add rows. Leave a cell empty where nothing was counted.",
        "Counted in a chamber: squares = large squares counted, dilution = 2 for 1:2, volume = mL the cells were in.",
        "Delete those three columns where the counts are cells of the whole well already.",
    ):
        notes.append([line])
    book.save(path)


def _count_columns(protocol: Protocol, plan: Plan) -> list[str]:
    endpoints = [endpoint_by_name(spec.endpoint) for spec in protocol.endpoints if not spec.optional]
    target = ["target"] if any(endpoint.target for endpoint in endpoints) else []
    counts = [column for endpoint in endpoints for column in endpoint.count_columns]
    chamber = CHAMBER if any(endpoint.counted for endpoint in endpoints) else ()
    return list(dict.fromkeys((plan.unit, "treatment", "context", *target, "replicate", *counts, *chamber)))


def _study_toml(protocols: list[Protocol], plan: Plan) -> str:
    return "\n".join(
        (
            "#:schema study.schema.json",
            "# A study for assaykit. Check it with `assaykit check study.toml`, run it with `assaykit run study.toml`.",
            "assaykit = 1",
            'title = "What was asked, of which cells"',
            "",
            "# The column whose levels are independent: an experiment on another day with fresh cells, or a donor.",
            "# Wells and cells are not independent, and never counted as n.",
            f'unit = "{plan.unit}"',
            "",
            "# What every treatment is compared with, within its own context.",
            'reference = { treatment = "vehicle", context = "mono" }',
            "",
            "# seed = 1                       # the seed of every random draw",
            '# factors = ["line", "passage"]  # further columns of your layouts',
            '# drugs = ["drugs.toml"]         # drugs the shipped catalogue lacks; see `assaykit drugs`',
            '# primary = ["EN-10"]            # claims you name before the run',
            "",
            *(line for protocol in protocols for line in _assay_lines(protocol, plan)),
        )
    )


def _assay_lines(protocol: Protocol, plan: Plan) -> Iterator[str]:
    yield "[[assay]]  # " + protocol.title
    yield f'protocol = "{protocol.name}"'
    if plan.counts:
        yield f'counts = ["counts/{protocol.name}.xlsx"]'
        yield ""
        return
    yield f'plates = ["plates/{protocol.name}.xlsx"]   # one sheet per plate'
    yield f"wells = {plan.size}"
    yield 'fcs = "fcs/{plate}"   # a folder per plate; each file name holds its well, such as K562_B03.fcs'
    yield "# The channels of your cytometer, by $PnN or $PnS. A role left out is looked for by its usual names:"
    for role, channel in protocol.channels.items():
        usual = next((name for name in channel.names if name.endswith(("-A", "-H"))), (*channel.names, "?")[0])
        needed = "" if channel.required else "   # may be left out"
        yield f'# channels.{role} = "{usual}"{needed}'
    if protocol.panel is not None:
        yield "# Your markers with their channels, and your populations by their markers: put yours in their place."
        yield 'markers = { CD3 = "FITC-A", CD4 = "PE-A", CD8 = "APC-A" }'
        yield 'populations = { t_cells = "CD3+", cd4_t = "t_cells CD4+ CD8-", cd8_t = "t_cells CD8+ CD4-" }'
    for role, channel in protocol.channels.items():
        if channel.clone:
            yield f'# clones.{role} = "{channel.clone}"   # your antibody clone: some drugs compete with some clones'
    yield ""
