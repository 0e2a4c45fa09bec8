"""FlowCytometryTools objects from ours: its plates, measurements and gates, for notebooks that use them.

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
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from assaykit.errors import GateError, LayoutError
from assaykit.fcs import Events, read_fcs
from assaykit.plate import Plate, Well
from assaykit.protocol.gates import FixedGate, IntervalGate, PolygonGate, QuadrantGate, ThresholdGate

_RESTS_ON = ("decorator", "fcsparser", "pylab", "scipy.interpolate", "scipy.optimize", "six")
_QUADRANTS = {"++": "top right", "-+": "top left", "--": "bottom left", "+-": "bottom right"}


def test_data_folder() -> Path:
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
    measurements = [fc_measurement(read_fcs(_file(well), channels), well.name) for well in wells]
    return load().FCPlate(plate.name, measurements, position_mapper=_position, shape=(plate.rows, plate.columns))


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


def _file(well: Well) -> Path:
    assert well.file is not None, "only wells with a file are asked for one"
    return well.file


def _position(name: str) -> tuple[str, int]:
    letters = name.rstrip("0123456789")
    return letters, int(name[len(letters) :])


class _FlatGetargspec:
    """`inspect.getargspec` as Python 3.10 had it: FlowCytometryTools reads `args` and `keywords` of its answer."""

    def __init__(self, function: Any) -> None:
        spec = inspect.getfullargspec(function)
        self.args, self.varargs, self.keywords, self.defaults = spec.args, spec.varargs, spec.varkw, spec.defaults


def _with(module: ModuleType, **names: Any) -> ModuleType:
    """Return a copy of a module that also has `names`."""
    copy = ModuleType(module.__name__)
    copy.__dict__.update(module.__dict__, **names)
    return copy


def _old_collections() -> ModuleType:
    return _with(collections, **{name: getattr(collections.abc, name) for name in collections.abc.__all__})


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
    modern = {"collections": _old_collections(), "inspect": _with(inspect, getargspec=_FlatGetargspec)}
    for name, module in list(sys.modules.items()):
        if name.startswith("FlowCytometryTools."):
            for attribute, replacement in modern.items():
                if attribute in module.__dict__:
                    setattr(module, attribute, replacement)
