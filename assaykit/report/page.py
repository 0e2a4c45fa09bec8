"""The page: Results -> one self-contained HTML file that opens with the answer.

`write_report` writes report.html alone; `write_report_folder` writes everything a results folder holds beside its
tables: report.html, methods.md, tables.xlsx and figures/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from assaykit.figures import Drawing, FigureFailure, RenderedFigure, drawings, render_all, shown, write_rendered
from assaykit.report.answers import by_hand_listings, dose_listings, excluded_listing, size_listing
from assaykit.report.contents import findings_by_check, input_rows, opening, provenance_rows
from assaykit.report.listing import (
    acceptance_listings,
    claim_groups,
    estimate_groups,
    robustness_listing,
)
from assaykit.report.methods import methods, methods_markdown
from assaykit.report.svg import inline_svg, width_of
from assaykit.report.words import VERDICT_MEANING
from assaykit.report.workbook import dictionary_frame, write_workbook
from assaykit.results import Results
from assaykit.tables import TABLES

_HERE = Path(__file__).parent
CHAPTERS: dict[str, str] = {
    "evidence": "The claims",
    "results": "Endpoints by condition",
    "contrasts": "All contrasts",
    "plates": "Plates and gates",
}


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """Where a report was written, and the figures that are not in it."""

    path: Path
    undrawn: tuple[FigureFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class _NumberedFigure:
    """One figure on the page."""

    number: int
    drawing: Drawing
    svg: str
    share: float  # of the widest figure's width


def write_report(results: Results, out: Path, *, figures: Mapping[str, str] | None = None) -> Path:
    """Write the report to the file `out` and return its path; a figure that cannot be drawn is named in it.

    `figures` are SVG texts by name; where they are not given they are drawn.
    """
    listed = list(drawings(results))
    undrawn: list[FigureFailure] = []
    if figures is None:
        printed, undrawn = render_all(listed, formats=("svg",))
        figures = svg_texts(printed)
    out.write_text(page(results, listed, figures, undrawn), encoding="utf-8", newline="\n")
    return out


def write_report_folder(
    results: Results, folder: Path, *, executor: Executor | None = None, style: str = "nature"
) -> ReportFiles:
    """Write report.html, methods.md, tables.xlsx and figures/ (PDF, SVG, PNG) to `folder`.

    A figure that cannot be drawn is named in the report, which has all else.
    """
    listed = list(drawings(results))
    book = executor.submit(write_workbook, results, folder / "tables.xlsx") if executor else None
    printed, undrawn = render_all(listed, style=style, executor=executor)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    write_rendered(printed, folder / "figures")
    (folder / "methods.md").write_text(methods_markdown(results), encoding="utf-8", newline="\n")
    out = folder / "report.html"
    out.write_text(page(results, listed, svg_texts(printed), undrawn), encoding="utf-8", newline="\n")
    if book is None:
        write_workbook(results, folder / "tables.xlsx")
    else:
        book.result()
    return ReportFiles(out, tuple(undrawn))


def svg_texts(printed: list[RenderedFigure]) -> dict[str, str]:
    """Return the SVG text of every figure printed, by name."""
    return {item.name: item.content.decode("utf-8") for item in printed if item.format == "svg"}


def page(
    results: Results, listed: list[Drawing], figures: Mapping[str, str], undrawn: Sequence[FigureFailure] = ()
) -> str:
    """Return the page as text; `undrawn` are the figures it must say it lacks."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["shown"] = shown
    acceptance, columns = results.tables.get("acceptance"), dictionary_frame().to_dict("records")
    return environment.get_template("page.html.j2").render(
        style=(_HERE / "page.css").read_text(encoding="utf-8"),
        answer=opening(results),
        findings=findings_by_check(results.tables["findings"]),
        acceptance=None if acceptance is None or acceptance.empty else acceptance_listings(acceptance),
        chapters=_chapters(listed, figures),
        undrawn=undrawn,
        claims=claim_groups(results.tables["comparisons"]),
        estimates=estimate_groups(results.tables["estimates"]),
        doses=dose_listings(results.tables),
        excluded=excluded_listing(results.tables),
        by_hand=by_hand_listings(results.tables),
        sizes=size_listing(results.tables),
        robust=robustness_listing(results.tables.get("robustness_summary")),
        methods=methods(results),
        provenance=provenance_rows(results.provenance),
        inputs=input_rows(results.provenance),
        meaning=VERDICT_MEANING,
        dictionary=[(table, [row for row in columns if row["table"] == table.name]) for table in TABLES.values()],
        study=results.study,
    )


def _chapters(listed: list[Drawing], figures: Mapping[str, str]) -> list[tuple[str, str, list[_NumberedFigure]]]:
    """Return (chapter, title, figures), the figures numbered through the page."""
    drawn = [drawing for drawing in listed if drawing.name in figures]
    widths = [width_of(figures[drawing.name]) for drawing in drawn]
    shown = [
        _NumberedFigure(i + 1, d, inline_svg(figures[d.name], d.name, d.title), width / max(widths))
        for i, (d, width) in enumerate(zip(drawn, widths, strict=True))
    ]
    parts = groupby(shown, key=lambda item: item.drawing.chapter)
    return [(chapter, CHAPTERS.get(chapter, chapter), list(items)) for chapter, items in parts]
