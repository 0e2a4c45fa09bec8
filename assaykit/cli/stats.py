"""`assaykit stats`: statistics of any tidy table - counts, dose-response, synergy, pooling over runs, power."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assaykit.cli.fit import parsed_levels, read_table
from assaykit.errors import DesignError

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(no_args_is_help=True, help="Statistics of any tidy table, with the unit as the only n.")

Table = Annotated[Path, typer.Argument(help="A tidy table, .csv, .tsv or .xlsx.")]
Unit = Annotated[str, typer.Option("--unit", help="The column whose levels are independent: donor, experiment.")]
_FAMILIES = "poisson, nbinom1, nbinom2, binomial or betabinomial"


@app.command()
def counts(
    table: Table,
    unit: Unit,
    formula: Annotated[str, typer.Option("--formula", help="'dead ~ drug * stroma', with offset(log(input)) if any.")],
    family: Annotated[str, typer.Option("--family", help=_FAMILIES)] = "nbinom2",
    trials: Annotated[str, typer.Option("--trials", help="The column each count is out of, for proportions.")] = "",
    levels: Annotated[
        list[str] | None, typer.Option("--levels", help="Order of a factor, the control first: drug=vehicle,imatinib")
    ] = None,
    adjust: Annotated[str, typer.Option("--adjust", help="holm, bh, bonferroni, dunnett or none.")] = "holm",
    draws: Annotated[int, typer.Option("--bootstrap", help="Draws of the parametric bootstrap; 0 for unit t.")] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Where the bootstrap's draws start.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A folder for the tables as CSV.")] = None,
) -> None:
    """Fit counts or proportions: contrasts by unit-level t (or bootstrap), and the model's Wald z beside them."""
    from assaykit.stats.glmm.table import Bootstrap, fit_count_table

    if adjust not in {"holm", "bh", "bonferroni", "dunnett", "none"}:
        raise DesignError("--adjust must be one of holm, bh, bonferroni, dunnett, none", repr(adjust))
    fitted = fit_count_table(
        read_table(table),
        formula,
        unit=unit,
        family=family,
        trials=trials,
        levels=parsed_levels(levels or []),
        adjust=adjust,  # type: ignore[arg-type]  # one of the names checked above
        bootstrap=Bootstrap(draws, seed) if draws else None,
    )
    typer.echo(f"Model: {fitted.formula}\n" + "\n".join(f"{name}: {value}" for name, value in fitted.summary.items()))
    _show(fitted.tables, out)
    for finding in fitted.findings:
        typer.echo(f"{finding.level}: {finding.message}")


@app.command()
def dose(
    table: Table,
    unit: Unit,
    dose_column: Annotated[str, typer.Option("--dose", help="The column of doses, zero or more.")],
    response: Annotated[str, typer.Option("--response", help="The column of responses, e.g. viability.")],
    arm: Annotated[str, typer.Option("--arm", help="The column of arms to compare, e.g. stroma.")],
    reference: Annotated[str, typer.Option("--reference", help="The arm the others are compared with.")] = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A folder for the tables as CSV.")] = None,
) -> None:
    """Fit a four-parameter curve per unit and arm; compare the IC50 of arms with the unit as n, and by the F test."""
    import pandas as pd

    from assaykit.stats.dose.shift import curve_table, extra_sum_of_squares, unit_shift

    frame = _with_columns(read_table(table), unit, dose_column, response, arm)
    curves = curve_table(frame, dose=dose_column, response=response, unit=unit, arm=arm)
    arms = [str(name) for name in dict.fromkeys(frame[arm])]
    control = reference or arms[0]
    shifts = []
    for other in (name for name in arms if name != control):
        pair = frame[frame[arm].astype(str).isin([control, other])]
        found = unit_shift(curves.astype({arm: str}), other, control, unit=unit, by=arm)
        F = extra_sum_of_squares(pair[dose_column], pair[response], pair[arm])
        ratio = {"ratio": found.ratio, "ratio_low": found.ratio_low, "ratio_high": found.ratio_high}
        pooled = {"F_wells": F.statistic, "p_F_wells": F.p_value, "left_out": ", ".join(found.left_out)}
        shifts.append({"contrast": f"{other} - {control}", **ratio, **asdict(found.test), **pooled})
    _show({"curves": curves, "ic50_shift": pd.DataFrame(shifts)}, out)


@app.command()
def synergy(
    table: Table,
    unit: Unit,
    doses: Annotated[str, typer.Option("--doses", help="The two dose columns: imatinib,plerixafor")],
    effect: Annotated[str, typer.Option("--effect", help="The column of effects, fractions from 0 to 1.")],
    model: Annotated[str, typer.Option("--model", help="bliss, hsa, loewe or zip.")] = "bliss",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A folder for the tables as CSV.")] = None,
) -> None:
    """Ask whether two drugs do more together than they should, with the unit as n."""
    import pandas as pd

    from assaykit.stats.dose.synergy import EXCESS, surface_synergy, surface_table

    first, comma, second = (part.strip() for part in doses.partition(","))
    if not comma or model not in EXCESS:
        raise DesignError(
            "--doses must name two columns and --model one of bliss, hsa, loewe, zip", f"{doses}, {model}"
        )
    frame = _with_columns(read_table(table), unit, first, second, effect)
    surface = surface_table(frame, doses=(first, second), effect=effect, unit=unit, model=model)
    found = surface_synergy(surface, unit=unit, model=model)
    _show({"excess": surface, "synergy": pd.DataFrame([{"model": found.model, **asdict(found.test)}])}, out)


@app.command()
def pool(
    table: Table,
    estimate: Annotated[str, typer.Option("--estimate", help="The column of estimates, one row per run.")] = "estimate",
    std_error: Annotated[str, typer.Option("--std-error", help="The column of standard errors.")] = "std_error",
    method: Annotated[str, typer.Option("--method", help="REML, PM, DL, ML, HE, SJ or FE.")] = "REML",
    test: Annotated[str, typer.Option("--test", help="knha (Knapp-Hartung) or z.")] = "knha",
    moderators: Annotated[str, typer.Option("--moderators", help="Columns that may explain differences: a,b")] = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A folder for the tables as CSV.")] = None,
) -> None:
    """Pool runs or donors by random effects: summary, prediction interval, heterogeneity, each run left out."""
    import pandas as pd

    from assaykit.stats.meta.pooling import influence
    from assaykit.stats.meta.pooling import pool as pool_estimates

    if method not in {"REML", "PM", "DL", "ML", "HE", "SJ", "FE"} or test not in {"knha", "z"}:
        raise DesignError("--method must be REML, PM, DL, ML, HE, SJ or FE, and --test knha or z", f"{method}, {test}")
    names = [name.strip() for name in moderators.split(",") if name.strip()]
    frame = _with_columns(read_table(table), estimate, std_error, *names)
    y, se = frame[estimate].to_numpy(float), frame[std_error].to_numpy(float)
    columns = frame[names].to_numpy(float) if names else None
    found = pool_estimates(y, se, columns, method=method, test=test, terms=names)  # type: ignore[arg-type]  # checked
    series = ("terms", "estimates", "std_errors", "statistics", "p_values", "lows", "highs")
    every = asdict(found)
    tables = {
        "pooled": pd.DataFrame({name: every[name] for name in series}).assign(df=found.df),
        "heterogeneity": pd.DataFrame([{name: value for name, value in every.items() if name not in series}]),
    }
    if not names and len(frame) > 2:
        without = influence(y, se, method=method, test=test)  # type: ignore[arg-type]  # checked
        tables["leave_one_out"] = pd.DataFrame([asdict(row) for row in without])
    _show(tables, out)


@app.command()
def power(
    effect: Annotated[float, typer.Option("--effect", help="The effect to find, on the analysis scale.")],
    sd: Annotated[float, typer.Option("--sd", help="The SD of the contrast between units (contrast_sd).")],
    target: Annotated[float, typer.Option("--power", help="The power asked for.")] = 0.8,
    alpha: Annotated[float, typer.Option("--alpha", help="The two-sided level.")] = 0.05,
) -> None:
    """Say how many independent units a contrast needs, and the power of fewer."""
    from assaykit.stats.units.power import paired_power, units_needed

    needed = units_needed(effect, sd, power=target, alpha=alpha)
    typer.echo(
        f"{needed} independent units reach a power of {target:g} for an effect of {effect:g} at an SD of {sd:g}."
    )
    for n in range(3, min(needed, 12) + 1):
        typer.echo(f"  {n} units: power {paired_power(n, effect, sd, alpha=alpha):.3f}")


def _with_columns(frame: pd.DataFrame, *names: str) -> pd.DataFrame:
    lacking = [name for name in names if name not in frame.columns]
    if lacking:
        raise DesignError(
            "every column named must be in the table", ", ".join(lacking), remedy=f"columns: {list(frame)}"
        )
    return frame


def _show(tables: dict[str, pd.DataFrame], out: Path | None) -> None:
    """Print every table under its name and, where a folder is given, write it there."""
    for name, frame in tables.items():
        typer.echo(f"\n{name.replace('_', ' ')}")
        typer.echo(frame.to_string(index=False, float_format=lambda x: f"{x:.6g}", na_rep="-"))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, frame in tables.items():
            frame.to_csv(out / f"{name}.csv", index=False)
        typer.echo(f"\nTables written to {out}")
