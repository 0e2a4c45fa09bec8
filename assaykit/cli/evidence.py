"""`assaykit evidence`: the catalogue of claims, and a lab's ledger of what its runs say on them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.console import Console
    from rich.table import Table

    from assaykit.evidence import Claim, Ledger
    from assaykit.figures import Style

from assaykit.cli.console import plain_console
from assaykit.vocabulary import nearest

app = typer.Typer(
    help="The claims of the reviews, and a lab's ledger of what its runs say on them.",
    no_args_is_help=True,
)

Catalogues = Annotated[list[Path] | None, typer.Option("--claims", help="A further catalogue of claims.")]
_SIGNS = {1: "up", -1: "down", 0: "no change"}
_WHOLE = ("claim", "verdict", "next run")  # columns never broken over lines
_DONE = {"added": "added", "unchanged": "already there, nothing changed", "replaced": "replaced", "refused": "refused"}


@app.command("list")
def list_claims(
    review: Annotated[str, typer.Option(help="Only this review, e.g. EN.")] = "",
    testable: Annotated[bool, typer.Option("--testable", help="Only claims that an assay can test.")] = False,
    claims: Catalogues = None,
) -> None:
    """List the claims: what each says, and whether and how it can be tested."""
    from rich.table import Table

    from assaykit.evidence import read_catalogues

    table = Table(box=None, pad_edge=False)
    for heading in ("claim", "direction", "statement", "tested by"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "claim")
    listed = [
        claim
        for claim in read_catalogues(claims or ())
        if (not review or claim.review == review) and (claim.testable or not testable)
    ]
    for claim in listed:
        table.add_row(claim.id, _direction(claim), claim.statement, "\n".join(claim.assays) or "-")
    console = _console()
    console.print(table)
    able = sum(claim.testable for claim in listed)
    papers = len({claim.source for claim in listed if claim.source})
    console.print(f"\n{len(listed)} claims, {able} of them testable; they rest on {papers} papers.")


@app.command()
def show(
    what: Annotated[list[str], typer.Argument(help="Claims, e.g. EN-10, or a ledger file.", show_default=False)],
    ledger: Annotated[Path | None, typer.Option("--ledger", help="A ledger to show the claims' runs from.")] = None,
    claims: Catalogues = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the table shown to this CSV file.")] = None,
    figure: Annotated[
        Path | None,
        typer.Option(help="Draw the cumulative forest of a claim, or the matrix of a ledger, to this PDF, SVG or PNG."),
    ] = None,
) -> None:
    """Show a claim in full, and run after run where a ledger is given; or a ledger pooled over its runs."""
    from assaykit.evidence import read_catalogues, read_ledger

    console = _console()
    files = [Path(name) for name in what if os.path.lexists(name)]
    names = [name for name in what if not os.path.lexists(name)]
    known = {claim.id: claim for claim in read_catalogues(claims or ())} if names else {}
    named = [_known(name, known) for name in names]
    for claim in named:
        _show_claim(console, claim)
    for path in [*files, *([ledger] if ledger is not None else [])]:
        contents = read_ledger(path)
        if not named:
            _keep(_show_ledger(console, path, contents), out)
            _draw_matrix(contents, figure)
        for claim in named:
            course = _show_course(console, contents.verdicts, claim.id)
            _keep(course, out)
            _draw_course(course, contents, figure)


@app.command()
def update(
    ledger: Annotated[Path, typer.Argument(help="The ledger, made where it is not there yet.", show_default=False)],
    runs: Annotated[list[Path], typer.Argument(help="Results folders of `assaykit run`.", show_default=False)],
) -> None:
    """Add runs to a lab's ledger; a run that is there already changes nothing."""
    from assaykit.evidence import run_from_results, update_ledger
    from assaykit.results import read_results

    console = _console()
    read = [run_from_results(read_results(folder), folder) for folder in runs]
    outcomes = update_ledger(ledger, read)
    for outcome in outcomes:
        why = f" ({outcome.reason})" if outcome.reason else ""
        console.print(f"{outcome.folder}: {_DONE[outcome.done]}{why}", soft_wrap=True)
    if any(outcome.done == "refused" for outcome in outcomes):
        raise typer.Exit(1)


def _console() -> Console:
    return plain_console()


def _known(name: str, known: dict[str, Claim]) -> Claim:
    from assaykit.errors import EvidenceError

    letters, _, number = name.upper().partition("-")
    claim = known.get(name) or known.get(f"{letters}-{number.zfill(2)}")
    if claim is None:
        near = nearest(name, known)
        remedy = f"{near}, the nearest known, or `assaykit evidence list`" if near else "see `assaykit evidence list`"
        raise EvidenceError("what is shown must be a claim or a ledger file", f"'{name}'", "", remedy)
    return claim


def _direction(claim: Claim) -> str:
    if claim.sign is None:
        return "-"
    if claim.printed is not None and claim.printed != claim.sign:
        return f"{_SIGNS[claim.sign]} (printed: {_SIGNS[claim.printed]})"
    return _SIGNS[claim.sign]


def _show_claim(console: Console, claim: Claim) -> None:
    from rich.table import Table
    from rich.text import Text

    console.print(Text.assemble((claim.id, "bold"), f"  {claim.statement}"))
    grid = Table.grid(padding=(0, 2))
    facts = [*_facts(claim), *(("tested by", _in_words(claim, test)) for test in claim.tests)]
    for label, text in facts:
        if text:
            grid.add_row(f"  {label}", Text(text))
    console.print(grid)
    if claim.numbers == "zhang2007":
        _show_worked_example(console)
    console.print()


def _facts(claim: Claim) -> Iterator[tuple[str, str]]:
    yield "review", f"{claim.review}, lines {claim.lines}, citing {claim.cites}"
    yield "kind", claim.kind if claim.standing == "stated" else f"{claim.kind}, {claim.standing}"
    yield "direction", _direction(claim)
    for paper in claim.papers:
        parts = (paper.cite, f"doi {paper.doi}" if paper.doi else "", f"seen: {paper.seen}", paper.certainty)
        yield "paper", "; ".join(part for part in parts if part)
    yield "found", claim.found
    yield "magnitude", claim.magnitude
    yield "conflict", claim.conflict
    for error in claim.errors:
        yield "error", error
    for caveat in claim.caveats:
        yield "caveat", caveat
    yield "correction", claim.corrections
    yield "related", ", ".join(claim.related)
    yield "not testable", claim.untestable


def _in_words(claim: Claim, test: object) -> str:
    from assaykit.evidence import Test, words

    assert isinstance(test, Test)
    names = " or ".join(test.endpoints)
    sign = _SIGNS[claim.expected(test)]
    if test.kind == "custom":
        return f"{names}: contrast '{test.contrast}' of the lab's own protocol, {sign}"
    treatment, comparator = words.arm(test.treatment), words.arm(test.comparator)
    versus = "" if test.kind in ("level", "context") else f" against {comparator}"
    where = "" if len(test.contexts) > 3 else f" in {words.listed([words.context(each) for each in test.contexts])}"
    over = f", over the same in {words.context(test.against)}" if test.against else ""
    needs = f"; needs: {words.listed([need.says for need in test.needs], 'and')}" if test.needs else ""
    return f"{names}: {treatment}{versus}{where}{over}, {sign}{needs}"


def _show_worked_example(console: Console) -> None:
    from assaykit.evidence import worked_example

    example = worked_example()
    console.print("  Zhang et al., Blood 2007;110:3378: % apoptotic, means of n = 4")
    table = _table("population", "drug", "alone", "stroma", "specific", "with stroma", "index")
    for row in example.itertuples():
        index = "" if row.spi != row.spi else f"{row.spi:.2f}"
        cells = (f"{row.mono:.1f}", f"{row.stroma:.1f}", f"{row.specific_mono:.1f}", f"{row.specific_stroma:.1f}")
        table.add_row(row.population, row.drug, *cells, index)
    console.print(table)


def _show_ledger(console: Console, path: Path, ledger: Ledger) -> pd.DataFrame:
    """Show every claim pooled over the runs, and return the table."""
    from assaykit.evidence import pool_ledger

    pooled = pool_ledger(ledger.verdicts)
    console.print(f"{path}: {len(ledger.runs)} runs, {len(pooled)} claims with an estimate")
    table = _table("claim", "verdict", "effect (95 % interval)", "next run", "runs", "n", "remarks")
    for row in pooled.itertuples():
        apart = f"set apart, on another endpoint or scale: {row.apart}" if row.apart else ""
        table.add_row(
            row.claim, row.verdict, f"{row.effect:.3g} ({_interval(row.effect_low, row.effect_high)})",
            _interval(row.effect_pred_low, row.effect_pred_high), str(row.runs), str(row.units),
            "; ".join(filter(None, (row.disagree, apart))),
        )  # fmt: skip
    console.print(table)
    console.print("next run: where a further run's true effect lies with 95 % (prediction interval)")
    return pooled


def _show_course(console: Console, verdicts: pd.DataFrame, claim: str) -> pd.DataFrame:
    """Show run after run what was found and the summary so far, and return the table."""
    from assaykit.evidence import cumulative

    course = cumulative(verdicts, claim)
    if course.empty:
        console.print(f"  no run of the ledger has an estimate for {claim}")
        return course
    table = _table("run", "verdict", "effect (95 % interval)", "so far (95 % interval)", "verdict so far", "remarks")
    for row in course.itertuples():
        table.add_row(
            row.title, row.verdict, f"{row.effect:.3g} ({_interval(row.effect_low, row.effect_high)})",
            f"{row.pooled_effect:.3g} ({_interval(row.pooled_low, row.pooled_high)})", row.pooled_verdict,
            "disagrees with the others" if row.disagrees else "",
        )  # fmt: skip
    console.print(table)
    return course


def _keep(table: pd.DataFrame, out: Path | None) -> None:
    if out is not None:
        table.to_csv(out, index=False, lineterminator="\n")


def _draw_course(course: pd.DataFrame, ledger: Ledger, path: Path | None) -> None:
    from assaykit.figures import cumulative_forest

    if path is not None and not course.empty:
        _write(path, lambda style: cumulative_forest(course, style=style, unit=str(ledger.runs["unit"].iloc[-1])))


def _draw_matrix(ledger: Ledger, path: Path | None) -> None:
    from assaykit.evidence import matrix
    from assaykit.figures import ledger_matrix

    if path is not None:
        _write(path, lambda style: ledger_matrix(matrix(ledger.verdicts, tested=True), style=style))


def _write(path: Path, draw: Callable[[Style], Figure]) -> None:
    """Write the figure in the format its name asks for."""
    from assaykit.errors import InputError
    from assaykit.figures import figure_bytes, style_named

    style = style_named("nature")
    figure = draw(style)
    match path.suffix.lower():
        case ".pdf":
            path.write_bytes(figure_bytes(figure, style, "pdf"))
        case ".svg":
            path.write_bytes(figure_bytes(figure, style, "svg"))
        case ".png":
            path.write_bytes(figure_bytes(figure, style, "png"))
        case _:
            raise InputError("a figure must be a PDF, SVG or PNG file", f"'{path.name}'", "--figure")


def _interval(low: float, high: float) -> str:
    return "" if math.isnan(low) else f"{low:.3g} to {high:.3g}"


def _table(*headings: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=True)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in _WHOLE)
    return table
