"""Cell lines and primary cells: what a layout's factor `line` names, and which claims cells of a kind can test."""

from __future__ import annotations

from assaykit.line.catalogue import KINDS, CellLine, Kind, LineCatalogue, read_lines

__all__ = ["KINDS", "CellLine", "Kind", "LineCatalogue", "read_lines"]
