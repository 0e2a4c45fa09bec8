"""`assaykit fit`: a mixed model of any tidy table, with no flow data at all."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zipfile import BadZipFile

import typer

from assaykit.errors import DesignError, InputError
from assaykit.sources import LARGEST_TABLE, bytes_from_file

if TYPE_CHECKING:
    import pandas as pd

    from assaykit.stats.lmm.fit import TableFit

_TITLES = {
    "coefficients": "Coefficients",
    "tests": "F tests of the terms (type III)",
    "components": "Variance components",
    "means": "Means, averaged over the other factors",
    "contrasts": "Each level against the first",
    "interactions": "Differences of differences",
    "pseudoreplicated": "WRONG, for comparison only: rows counted as independent",
}
_DF = {"kr": "kenward_roger", "satterthwaite": "satterthwaite"}
_FAMILIES = ("gaussian", "poisson", "nbinom1", "nbinom2", "binomial", "betabinomial")
_ADJUST = ("holm", "bh", "bonferroni", "dunnett", "none")


def fit(
    table: Annotated[Path, typer.Argument(help="A tidy table, .csv, .tsv or .xlsx: one row per measurement.")],
    unit: Annotated[str, typer.Option("--unit", help="The column whose levels are independent: donor, experiment.")],
    formula: Annotated[str, typer.Option("--formula", help="e.g. 'log2(y) ~ drug * stroma'")],
    levels: Annotated[
        list[str] | None, typer.Option("--levels", help="Order of a factor, the control first: drug=vehicle,imatinib")
    ] = None,
    weights: Annotated[str | None, typer.Option("--weights", help="A column of precision weights.")] = None,
    family: Annotated[
        str, typer.Option("--family", help="gaussian, poisson, nbinom1, nbinom2, binomial or betabinomial.")
    ] = "gaussian",
    trials: Annotated[str, typer.Option("--trials", help="The column a count is out of.")] = "",
    df: Annotated[str, typer.Option("--df", help="Degrees of freedom: kr or satterthwaite.")] = "kr",
    adjust: Annotated[str, typer.Option("--adjust", help="holm, bh, bonferroni, dunnett or none.")] = "holm",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A folder for the tables as CSV.")] = None,
    show_pseudoreplication: Annotated[
        bool, typer.Option("--show-pseudoreplication", help="Show the wrong answer beside the right one.")
    ] = False,
) -> None:
    """Fit a mixed model to a tidy table: coefficients, tests, means and contrasts with the unit as the only n."""
    from assaykit.stats.glmm.fit_counts import fit_count_table
    from assaykit.stats.lmm.fit import fit_table

    chosen, order, frame = _one_of("--df", df, tuple(_DF)), parsed_levels(levels or []), read_table(table)
    if _one_of("--family", family, _FAMILIES) != "gaussian":
        fitted = fit_count_table(frame, formula, unit=unit, family=family, trials=trials, levels=order)
    else:
        fitted = fit_table(
            frame,
            formula,
            unit=unit,
            levels=order,
            weights=weights,
            method=_DF[chosen],  # type: ignore[arg-type]  # a key of the literal dict above
            adjust=_one_of("--adjust", adjust, _ADJUST),  # type: ignore[arg-type]  # one of _ADJUST, checked
            show_pseudoreplication=show_pseudoreplication,
        )
    typer.echo(as_text(fitted))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, frame in fitted.tables.items():
            frame.to_csv(out / f"{name}.csv", index=False)
        typer.echo(f"\nTables written to {out}")


def read_table(path: Path) -> pd.DataFrame:
    """Return a tidy table; raises InputError where it cannot be read."""
    import pandas as pd

    data = bytes_from_file(path, "the table", InputError, label=str(path), most=LARGEST_TABLE)
    try:
        if path.suffix.lower() in {".xlsx", ".xls"}:
            return pd.read_excel(BytesIO(data))
        return pd.read_csv(BytesIO(data), sep="\t" if path.suffix.lower() in {".tsv", ".tab"} else ",")
    except (ValueError, LookupError, OSError, SyntaxError, BadZipFile, TypeError) as error:
        raise InputError("the table must be CSV, TSV or XLSX", str(error), str(path)) from error


def parsed_levels(texts: list[str]) -> dict[str, list[str]]:
    """Return factor -> levels, the control first.

    >>> parsed_levels(["drug=vehicle, imatinib"])
    {'drug': ['vehicle', 'imatinib']}
    """
    levels = {}
    for text in texts:
        name, equals, rest = text.partition("=")
        if not equals or not rest.strip():
            raise DesignError("an order of levels must read 'factor=control,other,...'", repr(text), "--levels")
        levels[name.strip()] = [level.strip() for level in rest.split(",")]
    return levels


def as_text(fitted: TableFit) -> str:
    """Return the fit as text: the model, its tables, its findings."""
    lines = [f"Model: {fitted.formula}"]
    lines += [
        f"{name}: {value:.6g}" if isinstance(value, float) else f"{name}: {value}"
        for name, value in fitted.summary.items()
    ]
    for name, frame in fitted.tables.items():
        shown = frame.loc[:, [column for column in frame.columns if not (frame[column] == "").all()]]
        lines += ["", _TITLES[name], shown.to_string(index=False, float_format=lambda x: f"{x:.4g}", na_rep="-")]
    if fitted.findings:
        lines += ["", "Findings", *(f"{finding.level}: {finding.message}" for finding in fitted.findings)]
    return "\n".join(lines)


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise DesignError(f"{option} must be one of {', '.join(allowed)}", repr(value))
    return value
