"""FlowCytometryTools objects from ours: its plates, measurements and gates; a plate of a run, gated.

FlowCytometryTools 0.5.1 was written for Python 3.9 and NumPy 1 and names things both have since moved. `load` gives
it those names while it is imported and leaves them inside its own modules only: nothing else in the process sees
them. Events come from our reader, so its objects hold what `read_fcs` read, repairs and all.
"""

from __future__ import annotations

import collections
import collections.abc
import importlib
import inspect
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from assaykit.cytometry import ALL, UNGATED, gate_events
from assaykit.errors import FcsError, GateError, LayoutError
from assaykit.fcs import Events, read_fcs
from assaykit.plate import Plate, Well, position_from_well, row_letters
from assaykit.protocol import FixedGate, IntervalGate, PolygonGate, QuadrantGate, ThresholdGate
from assaykit.results import Results
from assaykit.study import Assay

_RESTS_ON = ("decorator", "fcsparser", "pylab", "scipy.interpolate", "scipy.optimize", "six")
_QUADRANTS = {"++": "top right", "-+": "top left", "--": "bottom left", "+-": "bottom right"}


def fc_example_folder() -> Path:
    """Return the folder of the real FCS files that FlowCytometryTools ships, without importing it."""
    spec = find_spec("FlowCytometryTools")
    assert spec is not None, "FlowCytometryTools is a dependency"
    assert spec.origin is not None
    return Path(spec.origin).parent / "tests" / "data" / "Plate01"


def load() -> ModuleType:
    """Return the imported FlowCytometryTools package."""
    if "FlowCytometryTools" not in sys.modules:
        for name in _RESTS_ON:  # these must see the real modules, not the stand-ins
            importlib.import_module(name)
        with _old_names(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its own old escapes, not the user's data
            importlib.import_module("FlowCytometryTools")
        _keep_old_names_inside()
    return sys.modules["FlowCytometryTools"]


def fc_measurement(events: Events, name: str) -> Any:
    """Return an FCMeasurement holding the events as a DataFrame (events x channels, float64) and their keywords."""
    measurement = load().FCMeasurement(name, datafile=None if events.source is None else str(events.source))
    channels = pd.DataFrame(
        {
            "$PnN": [channel.name for channel in events.channels],
            "$PnS": [channel.stain for channel in events.channels],
            "$PnR": [channel.range for channel in events.channels],
        },
        index=range(1, len(events.channels) + 1),
    )
    measurement.set_data(pd.DataFrame(np.asarray(events.values, dtype=float), columns=list(events.names)))
    measurement.set_meta({**events.keywords, "_channels_": channels, "_channel_names_": events.names})
    return measurement


def fc_plate(plate: Plate, channels: Sequence[str] | None = None) -> Any:
    """Return an FCPlate of the plate's wells that have a file; only `channels` are read where they are named.

    Raises LayoutError where no well has a file, FcsError where a file cannot be read.
    """
    wells = [well for well in plate.wells if well.file is not None]
    if not wells:
        raise LayoutError("a plate must have wells with FCS files", "none", plate.name)
    measurements = [fc_measurement(read_fcs(well.file, channels), well.name) for well in wells if well.file is not None]
    shape = (plate.rows, plate.columns)
    return load().FCPlate(plate.name, measurements, position_mapper=position_on_plate, shape=shape)


def fc_plate_from_results(results: Results, plate: str, *, population: str = ALL, assay: str = "") -> Any:
    """Return an FCPlate of one plate of a run: the events of each well that the run's gates keep in `population`.

    It holds the channels that the protocol reads, compensated as it says, under the files' names for them.
    Wells of beads and blanks, and those whose file could not be read (see FINDINGS), are left out. `assay` says which,
    where several have the plate. Raises LayoutError for a plate the study does not have, or one without such wells, and
    GateError for a population its protocol does not have.
    """
    held = [
        (one, known)
        for one in results.study.assays
        if assay in ("", one.name)
        for known in one.plates
        if known.name == plate
    ]
    if len(held) != 1:
        plates = ", ".join(f"{known.name} ({one.name})" for one in results.study.assays for known in one.plates)
        found = f"'{plate}' in {len(held)} assays; there are {plates}"
        raise LayoutError("a plate must be one of the study", found, "", "name one, and its assay")
    (chosen, layout) = held[0]
    measurements = []
    for well in layout.wells:
        if well.file is None or well.role in UNGATED:
            continue
        with suppress(FcsError):
            measurements.append(_gated_measurement(chosen, layout, well, population))
    if not measurements:
        raise LayoutError("a plate must have wells with FCS files that can be read", "none", plate)
    return load().FCPlate(plate, measurements, position_mapper=position_on_plate, shape=(layout.rows, layout.columns))


def _gated_measurement(assay: Assay, plate: Plate, well: Well, population: str) -> Any:
    gated = gate_events(assay, plate, well)
    if population not in gated.masks:
        raise GateError("a population must be one of the protocol", f"'{population}'; {', '.join(gated.masks)}")
    measurement = fc_measurement(gated.events, well.name)
    data = measurement.data
    for role, name in gated.columns.names.items():
        if name in data.columns:
            data[name] = gated.columns.column(role)
    measurement.set_data(data[gated.masks[population]])
    return measurement


def fc_gate(gate: FixedGate, channels: Mapping[str, str]) -> Any:
    """Return the FlowCytometryTools gate of the same shape; `channels` maps our roles to its column names.

    Raises GateError for shapes it does not have. Its gates keep both ends of an interval, ours leave the upper out.
    """
    package = load()
    match gate:
        case ThresholdGate():
            return package.ThresholdGate(gate.value, [channels[gate.channel]], region=gate.side, name=gate.name)
        case IntervalGate(low=float(low), high=float(high)):
            return package.IntervalGate((low, high), [channels[gate.channel]], region="in", name=gate.name)
        case QuadrantGate():
            corner, pair = (gate.x_value, gate.y_value), [channels[gate.x], channels[gate.y]]
            return package.QuadGate(corner, pair, region=_QUADRANTS[gate.keep], name=gate.name)
        case PolygonGate(scale="raw"):
            pair = [channels[gate.x], channels[gate.y]]
            return package.PolyGate(list(gate.vertices), pair, region="in", name=gate.name)
        case _:
            raise GateError(
                "FlowCytometryTools has thresholds, closed intervals, quadrants and raw polygons",
                f"a {gate.kind} gate",
                gate.name,
            )


def position_on_plate(well: str) -> tuple[str, int]:
    """Return a well's row and column as an FCPlate labels them.

    >>> position_on_plate("B12")
    ('B', 12)
    """
    row, column = position_from_well(well)
    return row_letters(row), column + 1


class _FlatGetargspec:
    """`inspect.getargspec` as Python 3.10 had it: FlowCytometryTools reads `args` and `keywords` of its answer."""

    def __init__(self, function: Any) -> None:
        spec = inspect.getfullargspec(function)
        self.args, self.varargs, self.keywords, self.defaults = spec.args, spec.varargs, spec.varkw, spec.defaults


def _subplots_of_figure(*shape: int, num: int, **options: Any) -> tuple[Any, Any]:
    """`pyplot.subplots` into a figure that is there, by its number, which newer matplotlib refuses."""
    import matplotlib.pyplot as plt

    figure = plt.figure(num)
    return figure, figure.subplots(*shape, **options)


def _module_with(module: ModuleType, **names: Any) -> ModuleType:
    """Return a copy of a module that also has `names`."""
    copy = ModuleType(module.__name__)
    copy.__dict__.update(module.__dict__, **names)
    return copy


def _old_collections() -> ModuleType:
    return _module_with(collections, **{name: getattr(collections.abc, name) for name in collections.abc.__all__})


@contextmanager
def _old_names() -> Iterator[None]:
    """While open, `import collections`, `import inspect` and `numpy.lib.shape_base` give what they gave in 2018."""
    shape = ModuleType("numpy.lib.shape_base")
    shape.__dict__["apply_along_axis"] = np.apply_along_axis
    stand_ins = {"collections": _old_collections(), "numpy.lib.shape_base": shape}
    before = {name: sys.modules.get(name) for name in stand_ins}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def _keep_old_names_inside() -> None:
    """Give FlowCytometryTools' own modules the names they use when called, and nobody else."""
    import matplotlib.pyplot as plt

    modern = {
        "collections": _old_collections(),
        "inspect": _module_with(inspect, getargspec=_FlatGetargspec),
        "plt": _module_with(plt, subplots=_subplots_of_figure),
    }
    for name, module in list(sys.modules.items()):
        if name.startswith("FlowCytometryTools."):
            for attribute, replacement in modern.items():
                if attribute in module.__dict__:
                    setattr(module, attribute, replacement)
