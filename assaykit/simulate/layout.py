"""Write a simulated plate's layout in the wellmap format, as a lab would: arms, treatments, then the odd wells.

Groups name the wells that are used and no others: a [row] would reach the columns left empty between arms, too.
"""

from __future__ import annotations

from collections.abc import Mapping

from assaykit.simulate.wells import SimulatedPlate, SimulatedWell

Factors = Mapping[str, str | float]


def layout_toml(plate: SimulatedPlate) -> str:
    """Return the layout: a block per arm and the wells of each treatment, or single wells where it is not so built."""
    grid = [well for well in plate.wells if well.name[0] != "H"]
    rows = {well.name[0]: {"treatment": well.factors["treatment"]} for well in grid}
    columns = {
        well.name[1:]: {key: value for key, value in _all_factors(well).items() if key != "treatment"} for well in grid
    }
    regular = len(grid) == len(rows) * len(columns) and all(
        _all_factors(well) == rows[well.name[0]] | columns[well.name[1:]] for well in grid
    )
    lines = ["# Simulated plate, in the wellmap format.", "[expt]", f'experiment = "{plate.experiment}"', ""]
    if regular:
        for column, factors in columns.items():
            lines += _table(f"block.1x{len(rows)}.A{column}", factors)
        for row, factors in rows.items():
            lines += _table(f"well.'{','.join(f'{row}{column}' for column in columns)}'", factors)
    for well in plate.wells:
        if not regular or well.name[0] == "H":
            lines += _table(f"well.{well.name}", _all_factors(well))
    return "\n".join(lines) + "\n"


def _all_factors(well: SimulatedWell) -> dict[str, str | float]:
    return {**well.factors, "role": well.role}


def _table(name: str, factors: Factors) -> list[str]:
    return [f"[{name}]", *(f'{k} = "{v}"' if isinstance(v, str) else f"{k} = {v:g}" for k, v in factors.items()), ""]
