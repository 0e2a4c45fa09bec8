"""`assaykit stats compare`: the tests of a bench table, with the independent unit as n."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from assaykit.cli.fit import one_of, read_table
from assaykit.errors import DesignError


def compare_command(
    table: Annotated[Path, typer.Argument(help="A tidy table, .csv, .tsv or .xlsx.", show_default=False)],
    unit: Annotated[str, typer.Option("--unit", help="The column whose levels are independent: donor, experiment.")],
    value: Annotated[str, typer.Option("--value", help="The column of values, e.g. viability.")],
    arm: Annotated[str, typer.Option("--by", help="The column of arms to compare, e.g. treatment.")],
    reference: Annotated[str, typer.Option("--reference", help="The arm the others are compared with.")] = "",
    adjust: Annotated[str, typer.Option("--adjust", help="holm, bh, bonferroni or none.")] = "holm",
    bound: Annotated[
        float | None, typer.Option("--equivalence", help="Half-width of what counts as no effect: test for that, too.")
    ] = None,
    log2: Annotated[bool, typer.Option("--log2", help="Compare on the log2 scale, as for fold changes.")] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A folder for the tables as CSV.")] = None,
) -> None:
    """Compare arms: paired or Welch's t, signed ranks, and for three arms or more RM-ANOVA and Friedman.

    Wells of one unit and arm are averaged first, so n is the number of units. Units that hold both arms are paired.
    """
    import numpy as np

    from assaykit.cli.stats import show_tables, with_columns
    from assaykit.stats.units import Adjustment, compare_all_arms, compare_arms, means_by_arm

    one_of("--adjust", adjust, get_args(Adjustment))
    frame = with_columns(read_table(table), unit, value, arm)
    if log2:
        if not (frame[value].dropna() > 0).all():
            raise DesignError(
                "values on the log2 scale must be above zero", f"{float(frame[value].min()):g}", f"{table}, {value}",
                "leave --log2 out",
            )  # fmt: skip
        frame = frame.assign(**{value: np.log2(frame[value])})
    means = means_by_arm(frame, value=value, arm=arm, unit=unit)
    if means.shape[1] < 2:
        raise DesignError("a comparison must have two arms or more", f"{list(means)}", f"{table}, {arm}")
    control = reference or str(means.columns[0])
    tables = {"comparisons": compare_arms(means, control, adjust=adjust, bound=bound)}  # type: ignore[arg-type]  # checked
    if means.shape[1] > 2 and len(means.dropna()) > 1:
        tables["all_arms_together"] = compare_all_arms(means)
    show_tables(tables, out)
