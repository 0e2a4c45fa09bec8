"""A study begun from what a lab has: tables of statistics, or a FlowJo workspace, become a folder to complete.

table.xlsx    -> measured/table.xlsx, plates/layout.xlsx (a row per sample), study.toml with a line per column
workspace.wsp -> the protocol of its gates, plates/layout.xlsx, study.toml that names its FCS files
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assaykit.cli.template import schema_text
from assaykit.errors import StudyError
from assaykit.plate import Heading, read_statistics
from assaykit.protocol import Protocol, read_protocol
from assaykit.study import (
    UNCONFIRMED,
    SampleNamed,
    SampleProposal,
    positive_markers,
    proposed_columns,
    proposed_protocols,
    proposed_samples,
)
from assaykit.treatment import read_drugs
from assaykit.vocabulary import CONTEXTS, ROLES

_WELL_KEYWORDS = ("$WELLID", "WELLID", "WELL ID", "WELL_ID", "WELL")
_PLATE_KEYWORDS = ("$PLATENAME", "PLATE NAME", "PLATENAME", "$PLATEID", "PLATE ID")
_HELP = (
    "One row per sample. `file` is the sample's name as the table or workspace writes it: it finds its numbers.",
    "treatment: 'vehicle', or drug and dose: 'imatinib 1 uM', 'imatinib 1 uM + plerixafor 10 uM'.",
    f"context: {', '.join(CONTEXTS)}; the study's reference context where left empty.",
    f"role: {', '.join(ROLES)}; sample where left empty. FMO and unstained rows give the background.",
    "marker: the stain an FMO lacks, by the protocol's channel role, e.g. cxcr4.",
    "What stands here already was told from the samples' names. Look at each, and fill in the rest.",
)


@dataclass(frozen=True, slots=True)
class Begun:
    """A study that was begun: the files written, how many samples and columns, and what a person must still say."""

    files: tuple[Path, ...]
    told: str
    open_questions: tuple[str, ...]


def begin_from_tables(folder: Path, tables: Sequence[Path], protocols: Sequence[str], *, unit: str) -> Begun:
    """Write a study of tables of statistics: the tables, a layout of their samples, a readout for every column.

    Raises StatisticsError for a file that holds no such table, StudyError where the folder holds a study.
    """
    _refuse_existing(folder)
    read = [table for path in tables for table in read_statistics(path, label=path.name)]
    headings = list({heading.text: heading for table in read for heading in table.headings.values()}.values())
    recipes = [read_protocol(name) for name in protocols or proposed_protocols(headings)]
    by_row = all(any("treatment" in sample.columns for sample in table.samples) for table in read)
    written: list[Path] = []
    for path in tables:
        copy = folder / "measured" / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        written.append(copy)
    rows: list[SampleProposal] = []
    size = 0
    if not by_row:
        named = [
            SampleNamed(sample.name, sample.well, sample.plate, source=table.name)
            for table in read
            for sample in table.samples
        ]
        rows, size = proposed_samples(named, recipes, read_drugs())
        written.append(_write_layout(folder / "plates" / "layout.xlsx", rows, unit))
    lines = [
        "" if by_row else 'plates = ["plates/layout.xlsx"]',
        f"measured = {_array(f'measured/{p.name}' for p in tables)}",
    ]
    lines += [] if by_row or size == 96 else [f"wells = {size}"]
    assays = [text for recipe in recipes for text in _assay(recipe, [line for line in lines if line], headings)]
    written += _write_study(folder, assays, unit)
    samples = sum(len(table.samples) for table in read)
    told = f"{samples} samples, {len(headings)} columns; protocol {', '.join(recipe.name for recipe in recipes)}"
    unsure = sum(f'= "{UNCONFIRMED}"' in line for line in assays)
    asked = [f'{unsure} columns of study.toml are "{UNCONFIRMED}": write what each is'] if unsure else []
    return Begun(tuple(written), told, (*asked, *_asked_of_rows(rows, unit)))


def begin_from_workspace(folder: Path, workspace: Path, *, unit: str, sample: str = "", group: str = "") -> Begun:
    """Write a study of a FlowJo workspace: its gates as a protocol, a layout of its samples, the place of their files.

    Every population becomes a percentage of its parent, analysed by treatment. Raises GateError as `gates import` does.
    """
    import tomli_w

    from assaykit.cytometry import protocol_from_gates, read_gates, spillover_csv, workspace_samples

    _refuse_existing(folder)
    name = re.sub(r"\W+", "_", workspace.stem).strip("_").casefold() or "workspace"
    imported = protocol_from_gates(read_gates(workspace, sample=sample, group=group), name=name)
    recipe = imported.protocol | _shares_analysed(imported.protocol["gate"])
    protocol = Protocol.model_validate(recipe)
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / f"{name}.toml"]
    written[0].write_text(f"# Imported from {workspace.name}\n{tomli_w.dumps(recipe)}", encoding="utf-8")
    for file, spillover in imported.matrices.items():
        (folder / file).write_text(spillover_csv(spillover), encoding="utf-8")
        written.append(folder / file)
    found = [one for one in workspace_samples(workspace) if not group or group in one.groups]
    named = [
        SampleNamed(
            Path(one.name).name,
            well=next((one.keywords[key] for key in _WELL_KEYWORDS if one.keywords.get(key)), ""),
            plate=next((one.keywords[key] for key in _PLATE_KEYWORDS if one.keywords.get(key)), ""),
            unit=next((value for key, value in one.keywords.items() if key.casefold() == unit.casefold()), ""),
            group=", ".join(one.groups),
        )
        for one in found
    ]
    rows, size = proposed_samples(named, [protocol], read_drugs())
    written.append(_write_layout(folder / "plates" / "layout.xlsx", rows, unit))
    home = Path(os.path.relpath(workspace.parent.resolve(), folder.resolve())).as_posix()
    lines = [
        'plates = ["plates/layout.xlsx"]',
        *([f"wells = {size}"] if size != 96 else []),
        f"fcs = {_quoted(home)}   # the folder of the FCS files",
    ]
    assay = [f"[[assay]]  # {protocol.title}", f'protocol = "{name}.toml"', *lines, ""]
    written += _write_study(folder, assay, unit, factors=["group"] if any(row.group for row in rows) else [])
    lost = [one.name for one in found if not (workspace.parent / Path(one.name).name).is_file()]
    asked = [f"{len(lost)} FCS files, such as {lost[0]}, are not beside the workspace: mend fcs = ..."] if lost else []
    told = f"{len(rows)} samples, {len(imported.protocol['gate'])} gates"
    return Begun(tuple(written), told, (*asked, *_asked_of_rows(rows, unit)))


def _refuse_existing(folder: Path) -> None:
    if (folder / "study.toml").exists():
        must = "a new study must go to a folder without one"
        raise StudyError(must, "a study.toml", str(folder), "name another folder")


def _shares_analysed(gates: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return an endpoint and an analysis for every gate: its cells in percent of its parent's; leaves are primary."""
    parents = {gate.get("parent", "all") for gate in gates}
    return {
        "endpoint": [
            {
                "endpoint": "percent_of_parent",
                "name": f"{gate['name']}_percent_of_parent",
                "populations": {"cells": gate["name"], "parent": gate.get("parent", "all")},
            }
            for gate in gates
        ],
        "analysis": [
            {
                "name": f"{gate['name']}_percent_of_parent",
                "endpoint": f"{gate['name']}_percent_of_parent",
                "scale": "logit",
                "families": ["treatment", "pairwise", "context", "interaction"],
                "primary": gate["name"] not in parents,
            }
            for gate in gates
        ],
    }


def _assay(protocol: Protocol, lines: Sequence[str], headings: Sequence[Heading]) -> Iterator[str]:
    """Yield the lines of an assay of tables, with what each of their columns seems to be."""
    yield f"[[assay]]  # {protocol.title}"
    yield f'protocol = "{protocol.name}"'
    yield from lines
    if protocol.panel is not None:
        yield f"markers = {_array(positive_markers(headings) or ('CD4',))}   # each is a population, cd4_positive"
    for role, channel in protocol.channels.items():
        if channel.clone:
            yield f'# clones.{role} = "{channel.clone}"   # your antibody clone: some drugs compete with some clones'
    yield ""
    yield "# What each column of the table is: look at every line. A population and a statistic, or a channel role"
    yield f'# and a statistic; "unused" leaves it out, "{UNCONFIRMED}" must be replaced.'
    yield f"# The names: assaykit protocols {protocol.name}"
    yield "[assay.columns]"
    for proposal in proposed_columns(headings, protocol):
        remark = f"   # {proposal.remark}" if proposal.remark else ""
        yield f"{_quoted(proposal.heading)} = {_quoted(proposal.readout)}{remark}"
    yield ""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _array(texts: Any) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


def _write_study(folder: Path, assays: Sequence[str], unit: str, factors: Sequence[str] = ()) -> tuple[Path, Path]:
    study, schema = folder / "study.toml", folder / "study.schema.json"
    lines = [
        "#:schema study.schema.json",
        "# A study for assaykit. Check it with `assaykit check study.toml`, run it with `assaykit run study.toml`.",
        "assaykit = 1",
        'title = "What was asked, of which cells"',
        "",
        "# The column whose levels are independent: an experiment on another day with fresh cells, or a donor.",
        f'unit = "{unit}"',
        'reference = { treatment = "vehicle", context = "mono" }',
        *([f"factors = {_array(factors)}"] if factors else []),
        "",
        *assays,
    ]
    study.write_text("\n".join(lines), encoding="utf-8")
    schema.write_text(schema_text("study"), encoding="utf-8")
    return study, schema


def _write_layout(path: Path, rows: Sequence[SampleProposal], unit: str) -> Path:
    """Write a layout with a row per sample: what its name tells, and empty cells for what it does not."""
    from openpyxl import Workbook
    from openpyxl.styles import Font
    from openpyxl.worksheet.datavalidation import DataValidation

    path.parent.mkdir(parents=True, exist_ok=True)
    book = Workbook()
    sheet: Any = book.active
    sheet.title = "layout"
    grouped = any(row.group for row in rows)
    columns = ["plate", "well", "file", "role", "marker", "treatment", "context", unit, *(["group"] if grouped else [])]
    sheet.append(columns)
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    often = Counter((row.plate, row.name) for row in rows)
    for row in rows:
        name = row.name if often[row.plate, row.name] == 1 else ""  # a name that several bear finds none of them
        cells = [row.plate, row.well, name, row.role, row.marker, row.treatment, "", row.unit]
        sheet.append([cell or None for cell in (*cells, *([row.group] if grouped else []))])
    for letter, choices in (("D", ROLES), ("G", CONTEXTS)):
        listed = DataValidation(type="list", formula1=f'"{",".join(choices)}"', allow_blank=True)
        listed.add(f"{letter}2:{letter}{len(rows) + 1}")
        sheet.add_data_validation(listed)
    for letter, width in (("A", 16), ("C", 40), ("F", 40), ("G", 14)):
        sheet.column_dimensions[letter].width = width
    sheet.freeze_panes = "A2"
    notes: Any = book.create_sheet("Notes")
    for line in _HELP:
        notes.append([line])
    book.save(path)
    return path


def _asked_of_rows(rows: Sequence[SampleProposal], unit: str) -> list[str]:
    samples = [row for row in rows if row.role in ("", "sample")]
    gaps = {
        "treatment": sum(not row.treatment for row in samples),
        unit: sum(not row.unit for row in samples),
    }
    return [
        f"{count} of {len(samples)} samples have no {name} in plates/layout.xlsx"
        for name, count in gaps.items()
        if count
    ]
