"""A study from plates of FlowCytometryTools: its FCPlates and gates -> study, protocol and a layout each."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from assaykit.cytometry import ALL, GatingDocument, protocol_from_gates
from assaykit.errors import LayoutError, StudyError
from assaykit.interop.flowcytometrytools import load
from assaykit.plate import Plate, Well, position_from_well

PARSERS = ("name", "number", "read")
"""How FCPlate.from_dir finds a well: in the file's name after "Well_", as a number before the suffix, or in $SRC."""


def read_fc_plate(
    folder: Path, *, parser: str = "name", pattern: str = "*.fcs", shape: tuple[int, int] = (8, 12)
) -> Any:
    """Return the FCPlate that `FCPlate.from_dir` makes of a folder, named as the folder; `shape` is rows, columns.

    Raises LayoutError where a file has no well, two have one, or the folder has no such files.
    """
    if not folder.is_dir():
        raise LayoutError("a plate's files must be in a folder", "no such folder", str(folder), "mend the path")
    if parser not in PARSERS:
        raise LayoutError(f"a parser must be one of {', '.join(PARSERS)}", f"'{parser}'", "", "write one of these")
    name = folder.resolve().name
    try:
        plate = load().FCPlate.from_dir(name, str(folder), parser=parser, pattern=pattern, shape=shape)
    except Exception as error:  # a position that is taken, or none of the plate, is a bare Exception there
        remedy = f"name the files otherwise, or choose another parser ({', '.join(PARSERS)})"
        found = f"FlowCytometryTools says: {type(error).__name__}: {error}"
        raise LayoutError("every file of a plate must name its well", found, name, remedy) from error
    files = sum(fnmatch(file.name, pattern) for file in folder.iterdir())
    if not files:
        raise LayoutError("a plate must have FCS files", f"none that is {pattern}", str(folder), "name another pattern")
    if len(plate) < files:  # it keeps the last of those that share a key
        found = f"{files} files for {len(plate)} wells by the parser '{parser}'"
        raise LayoutError("every file of a plate must have a well of its own", found, name, "choose another parser")
    return plate


def plate_from_fc_plate(plate: Any) -> Plate:
    """Return our plate of an FCPlate: a well with its file for every measurement that has one, by row and column.

    Raises LayoutError for a measurement that was made without a file, whose events cannot be read again.
    """
    rows, columns = plate.shape
    wells = []
    for key, (row, column) in plate.get_positions().items():
        file = plate[key].datafile
        if file is None:
            must, remedy = (
                "every measurement of a plate must have its file",
                "write it as FCS, and make the plate of it",
            )
            raise LayoutError(must, f"{key} has none", str(plate.ID), remedy)
        wells.append(Well(f"{row}{column}", file=Path(file)))
    wells.sort(key=lambda well: position_from_well(well.name))
    return Plate(str(plate.ID), rows, columns, tuple(wells))


def write_fc_study(folder: Path, plates: Sequence[Any], gates: GatingDocument) -> list[Path]:
    """Write a study of FCPlates and their gates to a folder, ready to fill in and run; return the files written.

    Each plate is one independent experiment until its layout says otherwise, and each well is vehicle. FCS files stay
    where they are. Raises StudyError where the folder holds a study or two plates have one name.
    """
    if (folder / "study.toml").exists():
        must, remedy = "a new study must go to a folder without one", "name another folder"
        raise StudyError(must, "a study.toml", str(folder), remedy)
    ours = [plate_from_fc_plate(plate) for plate in plates]
    names = [plate.name for plate in ours]
    if len(set(names)) < len(names):
        raise StudyError("every plate must have a name of its own", ", ".join(names), "", "rename a folder")
    texts = {
        folder / "study.toml": _study_toml(ours),
        folder / "protocol.toml": protocol_text_from_fc_gates(gates, name="gates"),
        **{folder / "plates" / f"{plate.name}.csv": _layout_csv(plate, folder / "plates") for plate in ours},
    }
    (folder / "plates").mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return list(texts)


def _layout_csv(plate: Plate, home: Path) -> str:
    """Return a tidy layout: a row per well, its file as seen from the layout's folder."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(("well", "experiment", "treatment", "context", "role", "file"))
    for well in plate.wells:
        assert well.file is not None, "plate_from_fc_plate gives every well its file"
        try:
            file = os.path.relpath(well.file.resolve(), home.resolve())
        except ValueError:  # another drive of Windows
            file = str(well.file.resolve())
        table.writerow((well.name, plate.name, "vehicle", "mono", "sample", Path(file).as_posix()))
    return buffer.getvalue()


def protocol_text_from_fc_gates(gates: GatingDocument, *, name: str) -> str:
    """Return the gates as the text of a protocol, with what is read of every population: its share, its medians.

    Raises GateError where they are no protocol, such as two populations of one name.
    """
    import tomli_w

    protocol = protocol_from_gates(gates, name=name).protocol
    whole = {"statistic": "count", "population": ALL}  # every share is of them: a well is thin where they are few
    parents = {gate.name: gate.parent for gate in gates.gates}
    shares = {population: f"{population}_percent_of_parent" for population in parents}
    medians = [
        {"statistic": "median", "population": one, "channel": channel, "name": f"{one}_{channel}_median"}
        for one in parents
        for channel in protocol["channels"]
    ]
    protocol |= {
        "title": "Gates drawn in FlowCytometryTools",
        "compensation": "none",  # its gates are drawn on what the file holds
        "readout": [whole, *protocol["readout"], *medians],
        "endpoint": [
            {"endpoint": "percent_of_parent", "name": shares[one], "populations": {"cells": one, "parent": parent}}
            for one, parent in parents.items()
        ],
        "analysis": [{"name": share, "endpoint": share, "scale": "logit"} for share in shares.values()],
        "quality": {"min_cells": 0},  # few cells are a matter of each population, told with its numbers
    }
    head = "# Gates of FlowCytometryTools. Delete what is not asked for; `assaykit endpoints` lists what else there is."
    return f"{head}\n{tomli_w.dumps(protocol)}"


def _study_toml(plates: Sequence[Plate]) -> str:
    wells = plates[0].rows * plates[0].columns
    return f"""\
# A study of plates from FlowCytometryTools: `assaykit check study.toml` checks it, `assaykit run study.toml` runs it.
assaykit = 1
title = {json.dumps(plates[0].name, ensure_ascii=False)}

# The column whose levels are independent: an experiment on another day with fresh cells, or a donor. Each plate stands
# as one here; wells and cells are not independent, and never counted as n.
unit = "experiment"

# What every treatment is compared with: write each well's treatment into its layout, such as 'imatinib 1 uM'.
reference = {{ treatment = "vehicle", context = "mono" }}

[[assay]]
protocol = "protocol.toml"
plates = ["plates/*.csv"]
wells = {wells}
"""
