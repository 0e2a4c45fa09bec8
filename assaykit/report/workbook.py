"""All tables of a run as one workbook: a sheet per table, a first sheet that says what every column means.

The same results give the same bytes: openpyxl's clock is taken out of the archive.
"""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from assaykit.results.model import Results
from assaykit.tables import TABLES

if TYPE_CHECKING:
    from openpyxl import Workbook

_EPOCH = datetime(1980, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_LIMIT = 1_048_575  # rows a sheet can hold beneath its header


def write_workbook(results: Results, path: Path) -> Path:
    """Write the tables to an XLSX file and return its path; a table longer than a sheet is cut and says so."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    _add_sheet(book, "columns", dictionary_frame())
    for name, frame in results.tables.items():
        _add_sheet(book, name[:31], frame)
    book.properties.created = book.properties.modified = _EPOCH
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

    sheet = book.create_sheet(name)
    sheet.freeze_panes = "A2"
    for index, column in enumerate(frame.columns):
        widest = max([len(str(column)), *(len(str(v)) for v in frame[column].head(50))])
        sheet.column_dimensions[_letters(index)].width = min(60, widest + 2)
    header = [WriteOnlyCell(sheet, value=str(column)) for column in frame.columns]
    for cell in header:
        cell.font = Font(bold=True)
    sheet.append(header)
    for row in frame.head(_LIMIT - 1).itertuples(index=False, name=None):
        sheet.append([_cell(value) for value in row])
    if len(frame) > _LIMIT - 1:
        sheet.append([f"{len(frame) - _LIMIT + 1} rows more are in tables/{name}.csv"])


def _letters(index: int) -> str:
    from openpyxl.utils import get_column_letter

    return str(get_column_letter(index + 1))


def _cell(value: Any) -> Any:
    """Return what a cell can hold: nothing for missing, text that cannot be taken for a formula."""
    if value is None or value is pd.NA or (isinstance(value, float) and not -1e300 < value < 1e300):
        return None if value is None or value is pd.NA or value != value else str(value)  # noqa: PLR0124 - NaN
    if isinstance(value, str):
        return f"'{value}" if value.startswith(("=", "+", "@")) else value
    return value.item() if hasattr(value, "item") else value


def _without_clock(archive: bytes) -> bytes:
    """Return the zip archive with every member dated 1980, as ZIP's own beginning of time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name), source.read(name), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
