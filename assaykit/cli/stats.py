"""`assaykit stats`: statistics of any tidy table - counts, dose-response, synergy, pooling over runs, power."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assaykit.cli.fit import (
    Adjust,
    Draws,
    Formula,
    Model,
    Orders,
    Out,
    Seed,
    Table,
    Trials,
    Unit,
    fitted_counts,
    one_of,
    read_table,
    show_fit,
)
from assaykit.errors import DesignError

if TYPE_CHECKING:
    import pandas as pd

    from assaykit.stats.dose import SynergyModel

app = typer.Typer(no_args_is_help=True, help="Statistics of any tidy table, with the unit as the only n.")

_MODELS = ("bliss", "hsa", "loewe", "zip")
_METHODS, _TESTS = ("REML", "PM", "DL", "ML", "HE", "SJ", "FE"), ("knha", "z")


@app.command()
def counts(
    table: Table,
    unit: Unit,
    formula: Formula,
    family: Annotated[
        str, typer.Option("--family", help="poisson, nbinom1, nbinom2, binomial or betabinomial.")
    ] = "nbinom2",
    trials: Trials = "",
    model: Model = "units",
    levels: Orders = None,
    adjust: Adjust = "holm",
    draws: Draws = 0,
    seed: Seed = None,
    out: Out = None,
) -> None:
    """Fit counts or proportions: the answer of `assaykit fit --family`, each contrast with the unit as its n."""
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


@app.command()
def dose(
    table: Table,
    unit: Unit,
    dose_column: Annotated[str, typer.Option("--dose", help="The column of doses, zero or more.")],
    response: Annotated[str, typer.Option("--response", help="The column of responses, e.g. viability.")],
    arm: Annotated[str, typer.Option("--arm", help="The column of arms to compare, e.g. stroma.")],
    reference: Annotated[str, typer.Option("--reference", help="The arm the others are compared with.")] = "",
    out: Out = None,
) -> None:
    """Fit a four-parameter curve per unit and arm; compare the IC50 of arms with the unit as n, and by the F test."""
    import pandas as pd

    from assaykit.stats.dose import curve_table, extra_sum_of_squares, unit_shift

    frame = with_columns(read_table(table), unit, dose_column, response, arm)
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
        shifts.append({"contrast": f"{other} - {control}", **ratio, **found.test.row(), **pooled})
    show_tables({"curves": curves, "ic50_shift": pd.DataFrame(shifts)}, out)


@app.command()
def synergy(
    table: Table,
    unit: Unit,
    doses: Annotated[str, typer.Option("--doses", help="The two dose columns: imatinib,plerixafor")],
    effect: Annotated[str, typer.Option("--effect", help="The column of effects, fractions from 0 to 1.")],
    model: Annotated[str, typer.Option("--model", help="bliss, hsa, loewe or zip.")] = "bliss",
    out: Out = None,
) -> None:
    """Ask whether two drugs do more together than they should, with the unit as n."""
    import pandas as pd

    from assaykit.stats.dose import surface_synergy, surface_table

    first, comma, second = (part.strip() for part in doses.partition(","))
    if not comma:
        raise DesignError("--doses must name two columns", repr(doses), remedy="write e.g. --doses imatinib,plerixafor")
    one_of("--model", model, _MODELS)
    frame = with_columns(read_table(table), unit, first, second, effect)
    chosen: SynergyModel = model  # type: ignore[assignment]  # one of _MODELS, checked
    surface = surface_table(frame, doses=(first, second), effect=effect, unit=unit, model=chosen)
    found = surface_synergy(surface, unit=unit, model=chosen)
    show_tables({"excess": surface, "synergy": pd.DataFrame([{"model": found.model, **found.test.row()}])}, out)


@app.command("pool")
def pooled_runs(
    table: Table,
    estimate: Annotated[str, typer.Option("--estimate", help="The column of estimates, one row per run.")] = "estimate",
    std_error: Annotated[str, typer.Option("--std-error", help="The column of standard errors.")] = "std_error",
    method: Annotated[str, typer.Option("--method", help="REML, PM, DL, ML, HE, SJ or FE.")] = "REML",
    test: Annotated[str, typer.Option("--test", help="knha (Knapp-Hartung) or z.")] = "knha",
    moderators: Annotated[str, typer.Option("--moderators", help="Columns that may explain differences: a,b")] = "",
    out: Out = None,
) -> None:
    """Pool runs or donors by random effects: summary, prediction interval, heterogeneity, each run left out."""
    import pandas as pd

    from assaykit.stats.meta import influence, pool

    one_of("--method", method, _METHODS)
    one_of("--test", test, _TESTS)
    names = [name.strip() for name in moderators.split(",") if name.strip()]
    frame = with_columns(read_table(table), estimate, std_error, *names)
    y, se = frame[estimate].to_numpy(float), frame[std_error].to_numpy(float)
    columns = frame[names].to_numpy(float) if names else None
    found = pool(y, se, columns, method=method, test=test, terms=names)  # type: ignore[arg-type]  # checked
    series = ("terms", "estimates", "std_errors", "statistics", "p_values", "lows", "highs")
    every = asdict(found)
    tables = {
        "pooled": pd.DataFrame({name: every[name] for name in series}).assign(df=found.df),
        "heterogeneity": pd.DataFrame([{name: value for name, value in every.items() if name not in series}]),
    }
    if not names and len(frame) > 2:
        without = influence(y, se, method=method, test=test)  # type: ignore[arg-type]  # checked
        tables["leave_one_out"] = pd.DataFrame([asdict(row) for row in without])
    show_tables(tables, out)
    fixed = pool(y, se, columns, method="FE", test="z", terms=names)
    if found.std_error < fixed.std_error:
        typer.echo(
            "\nwarn: the estimates agree better than their standard errors allow "
            f"(Q {found.q:.3g} on {found.q_df} df), so that Knapp and Hartung's standard error, {found.std_error:.3g}, "
            f"is below the {fixed.std_error:.3g} which the runs' own give; read --test z beside it"
        )


@app.command()
def power(
    effect: Annotated[float, typer.Option("--effect", help="The effect to find, on the analysis scale.")],
    sd: Annotated[float, typer.Option("--sd", help="The SD of the contrast between units (contrast_sd).")],
    target: Annotated[float, typer.Option("--power", help="The power asked for.")] = 0.8,
    alpha: Annotated[float, typer.Option("--alpha", help="The two-sided level.")] = 0.05,
) -> None:
    """Say how many independent units a contrast needs, and the power of fewer."""
    from assaykit.stats.units import MOST_UNITS, paired_power, units_needed

    needed = units_needed(effect, sd, power=target, alpha=alpha)
    if needed is None:
        raise DesignError(
            f"an effect must be within reach of {MOST_UNITS:,} units", f"an effect of {effect:g} at an SD of {sd:g}"
        )
    typer.echo(
        f"{needed} independent units reach a power of {target:g} for an effect of {effect:g} at an SD of {sd:g}."
    )
    for n in range(3, min(needed, 12) + 1):
        typer.echo(f"  {n} units: power {paired_power(n, effect, sd, alpha=alpha):.3f}")


def with_columns(frame: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Return the table; DesignError where a column named is not in it."""
    lacking = [name for name in names if name not in frame.columns]
    if lacking:
        raise DesignError(
            "every column named must be in the table", ", ".join(lacking), remedy=f"columns: {list(frame)}"
        )
    return frame


def show_tables(tables: dict[str, pd.DataFrame], out: Path | None) -> None:
    """Print every table under its name and, where a folder is given, write it there."""
    for name, frame in tables.items():
        typer.echo(f"\n{name.replace('_', ' ')}")
        typer.echo(frame.to_string(index=False, float_format=lambda x: f"{x:.6g}", na_rep="-"))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, frame in tables.items():
            frame.to_csv(out / f"{name}.csv", index=False)
        typer.echo(f"\nTables written to {out}")
