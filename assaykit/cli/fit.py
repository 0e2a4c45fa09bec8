"""`assaykit fit`: every contrast of any tidy table, numbers or counts, with no flow data at all."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zipfile import BadZipFile

import typer

from assaykit.errors import DesignError, InputError
from assaykit.sources import LARGEST_TABLE, bytes_from_file

if TYPE_CHECKING:
    import pandas as pd

    from assaykit.stats.fit import TableFit

_TITLES = {
    "contrasts": "Each level against the first",
    "interactions": "Differences of differences",
    "robustness": "The same contrasts, otherwise",
    "unit_contrasts": "Beside it: each level against the first, unit by unit",
    "unit_interactions": "Beside it: differences of differences, unit by unit",
    "wald_contrasts": "Beside it: each level against the first, by the mixed model",
    "wald_interactions": "Beside it: differences of differences, by the mixed model",
    "means": "Means, averaged over the other factors",
    "coefficients": "Coefficients",
    "tests": "F tests of the terms (type III)",
    "components": "Variance components",
    "pseudoreplicated": "WRONG, for comparison only: rows counted as independent",
}
_DF = {"kr": "kenward_roger", "satterthwaite": "satterthwaite"}
_COUNTS = ("poisson", "nbinom1", "nbinom2", "binomial", "betabinomial")
_FAMILIES = ("gaussian", *_COUNTS)
_ADJUST = ("holm", "bh", "bonferroni", "dunnett", "none")
_COUNT_MODELS, _VALUE_MODELS = ("units", "glmm"), ("units", "lmm")

Table = Annotated[Path, typer.Argument(help="A tidy table, .csv, .tsv or .xlsx: one row per measurement.")]
Unit = Annotated[str, typer.Option("--unit", help="The column whose levels are independent: donor, experiment.")]
Formula = Annotated[str, typer.Option("--formula", help="e.g. 'log2(y) ~ drug * stroma', or 'dead ~ drug'")]
Orders = Annotated[
    list[str] | None, typer.Option("--levels", help="Order of a factor, the control first: drug=vehicle,imatinib")
]
Trials = Annotated[str, typer.Option("--trials", help="The column a count is out of, for proportions.")]
Model = Annotated[
    str, typer.Option("--model", help="units (the default), or the mixed model: lmm for numbers, glmm for counts.")
]
Adjust = Annotated[str, typer.Option("--adjust", help="holm, bh, bonferroni or none; dunnett with a mixed model.")]
Draws = Annotated[int, typer.Option("--bootstrap", help="Draws of the parametric bootstrap of a glmm, 99 or more.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Where the bootstrap's draws start.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="A folder for the tables as CSV.")]


def fit(
    table: Table,
    unit: Unit,
    formula: Formula,
    levels: Orders = None,
    family: Annotated[
        str, typer.Option("--family", help="gaussian, poisson, nbinom1, nbinom2, binomial or betabinomial.")
    ] = "gaussian",
    trials: Trials = "",
    model: Model = "units",
    weights: Annotated[str | None, typer.Option("--weights", help="A column of precision weights, of an lmm.")] = None,
    df: Annotated[str | None, typer.Option("--df", help="Degrees of freedom of an lmm: kr or satterthwaite.")] = None,
    adjust: Adjust = "holm",
    draws: Draws = 0,
    seed: Seed = None,
    out: Out = None,
    show_pseudoreplication: Annotated[
        bool, typer.Option("--show-pseudoreplication", help="Show the wrong answer beside the right one.")
    ] = False,
) -> None:
    """Fit a tidy table: every contrast of its factors, with the unit as the only n."""
    from assaykit.stats.fit import fit_values, rows_as_independent

    if one_of("--family", family, _FAMILIES) != "gaussian":
        for option, given in (
            ("--weights", weights is not None),
            ("--df", df is not None),
            ("--show-pseudoreplication", show_pseudoreplication),
        ):
            if given:
                raise _inapplicable(option, f"--family {family}", "leave it out; it belongs to gaussian tables")
        fitted = fitted_counts(
            read_table(table),
            formula,
            unit=unit,
            family=family,
            trials=trials,
            model=model,
            levels=levels,
            adjust=adjust,
            draws=draws,
            seed=seed,
        )
        show_fit(fitted, out)
        return
    for option, given in (("--trials", bool(trials)), ("--bootstrap", draws != 0), ("--seed", seed is not None)):
        if given:
            raise _inapplicable(option, "--family gaussian", "name the family of the counts, e.g. --family nbinom2")
    if one_of("--model", model, _VALUE_MODELS) == "units":
        for option, given in (("--weights", weights is not None), ("--df", df is not None)):
            if given:
                raise _inapplicable(option, "unit-level contrasts", "add --model lmm")
    frame, orders = read_table(table), parsed_levels(levels or [])
    fitted = fit_values(
        frame,
        formula,
        unit=unit,
        model=model,  # type: ignore[arg-type]  # one of _VALUE_MODELS, checked
        levels=orders,
        weights=weights,
        method=_DF[one_of("--df", df, tuple(_DF))] if df is not None else None,  # type: ignore[arg-type]  # of _DF
        adjust=one_of("--adjust", adjust, _ADJUST),  # type: ignore[arg-type]  # one of _ADJUST, checked
    )
    if show_pseudoreplication:
        wrong = rows_as_independent(frame, formula, levels=orders)
        fitted = replace(fitted, tables={**fitted.tables, "pseudoreplicated": wrong})
    show_fit(fitted, out)


def fitted_counts(
    frame: pd.DataFrame,
    formula: str,
    *,
    unit: str,
    family: str,
    trials: str,
    model: str,
    levels: list[str] | None,
    adjust: str,
    draws: int,
    seed: int | None,
) -> TableFit:
    """Return the fit of counts as the commands' options ask for it: `fit --family` and `stats counts` alike."""
    from assaykit.stats.fit import Bootstrap, fit_counts

    one_of("--family", family, _COUNTS)
    if one_of("--model", model, _COUNT_MODELS) == "units" and draws:
        raise _inapplicable("--bootstrap", "unit-level contrasts", "add --model glmm")
    if seed is not None and not draws:
        raise _inapplicable("--seed", "an answer without draws", "leave it out, or add --model glmm --bootstrap 999")
    return fit_counts(
        frame,
        formula,
        unit=unit,
        family=family,
        trials=trials,
        model=Bootstrap(draws, 1 if seed is None else seed) if draws else model,  # type: ignore[arg-type]  # checked
        levels=parsed_levels(levels or []),
        adjust=one_of("--adjust", adjust, _ADJUST),  # type: ignore[arg-type]  # one of _ADJUST, checked
    )


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


def show_fit(fitted: TableFit, out: Path | None) -> None:
    """Print the fit and, where a folder is given, write its tables there."""
    typer.echo(as_text(fitted))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, frame in fitted.tables.items():
            frame.to_csv(out / f"{name}.csv", index=False)
        typer.echo(f"\nTables written to {out}")


def as_text(fitted: TableFit) -> str:
    """Return the fit as text: the model, its tables, its findings."""
    lines = [f"Formula: {fitted.formula}"]
    lines += [
        f"{name}: {value:.6g}" if isinstance(value, float) else f"{name}: {value}"
        for name, value in fitted.summary.items()
    ]
    for name, frame in fitted.tables.items():
        filled = frame.loc[:, [column for column in frame.columns if not (frame[column] == "").all()]]
        lines += ["", _TITLES[name], filled.to_string(index=False, float_format=lambda x: f"{x:.4g}", na_rep="-")]
    if fitted.findings:
        lines += ["", "Findings", *(f"{finding.level}: {finding.message}" for finding in fitted.findings)]
    return "\n".join(lines)


def one_of(option: str, value: str, allowed: tuple[str, ...]) -> str:
    """Return an option's value where it is one of those allowed; raises DesignError else."""
    if value not in allowed:
        raise DesignError(f"{option} must be one of {', '.join(allowed)}", repr(value))
    return value


def _inapplicable(option: str, found: str, remedy: str) -> DesignError:
    return DesignError(f"{option} must go with a model that it applies to", found, remedy=remedy)
