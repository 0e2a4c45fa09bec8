"""All tables of a run as one workbook: a sheet per table, a first sheet that says what every column means.

The same results give the same bytes: openpyxl's clock is taken out of the archive.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from assaykit.escaping import printable
from assaykit.results import Results
from assaykit.tables import TABLES

if TYPE_CHECKING:
    from openpyxl import Workbook

_SAVED = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
_LIMIT = 1_048_575  # rows a sheet can hold beneath its header


def write_workbook(results: Results, path: Path) -> Path:
    """Write the tables to an XLSX file and return its path; a table longer than a sheet is cut and says so."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    _add_sheet(book, "columns", dictionary_frame())
    for name, frame in results.tables.items():
        _add_sheet(book, name[:31], frame)
    book.properties.creator = "assaykit"
    buffer = io.BytesIO()
    book.save(buffer)
    path.write_bytes(_without_clock(buffer.getvalue()))
    return path


def dictionary_frame() -> pd.DataFrame:
    """Return the data dictionary: one row per column of every table of the glossary."""
    rows = [
        {
            "table": table.name,
            "column": column.name,
            "kind": column.kind,
            "unit": column.unit,
            "meaning": column.meaning,
        }
        for table in TABLES.values()
        for column in table.columns
    ]
    return pd.DataFrame(rows)


def _add_sheet(book: Workbook, name: str, frame: pd.DataFrame) -> None:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    sheet = book.create_sheet(name)
    sheet.freeze_panes = "A2"
    for index, column in enumerate(frame.columns):
        widest = max([len(str(column)), *(len(str(v)) for v in frame[column].head(50))])
        sheet.column_dimensions[get_column_letter(index + 1)].width = min(60, widest + 2)
    header = [WriteOnlyCell(sheet, value=str(column)) for column in frame.columns]
    for cell in header:
        cell.font = Font(bold=True)
    sheet.append(header)
    for row in frame.head(_LIMIT - 1).itertuples(index=False, name=None):
        sheet.append([_text(sheet, v) if isinstance(v, str) and v.startswith("=") else _cell(v) for v in row])
    if len(frame) > _LIMIT - 1:
        sheet.append([f"{len(frame) - _LIMIT + 1} rows more are in tables/{name}.csv"])


def _text(sheet: Any, value: str) -> Any:
    """Return a cell that holds text even where it begins like a formula."""
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, value=value)
    cell.data_type = "s"
    return cell


def _cell(value: Any) -> Any:
    """Return what a cell can hold: nothing for a missing value, text for an infinite number, no unseen signs."""
    if isinstance(value, str):
        return printable(value)
    if value is None or value is pd.NA:
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value.item() if hasattr(value, "item") else value


def _without_clock(archive: bytes) -> bytes:
    """Return the workbook without the time it was saved: in its properties, and on every member of the archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                content = _SAVED.sub(rb"\g<1>1980-01-01T00:00:00Z", content)
            target.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
