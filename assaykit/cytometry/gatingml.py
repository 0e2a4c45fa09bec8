"""Gating-ML 2.0 (ISAC 2013) read as gates of ours: XML -> transformations and matrices -> gates by their ids.

Every gate keeps its id as its name. Dimensions become channels, their compensation-ref "uncompensated", "FCS" (the
file's own) or a matrix of the document; a ratio becomes a channel of the gate. Quadrants become rectangles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar
from xml.etree import ElementTree as ET

import numpy as np
from pydantic import ValidationError

from assaykit.cytometry.columns import OWN, RAW
from assaykit.cytometry.compensation import check_spillover
from assaykit.cytometry.hierarchy import ALL, COMPLEMENT, in_order
from assaykit.errors import CompensationError, GateError
from assaykit.protocol import (
    ArcsinhScale,
    BooleanGate,
    EllipsoidGate,
    FixedGate,
    FixedScale,
    HyperlogScale,
    LinearScale,
    LogicleScale,
    LogScale,
    PolygonGate,
    Ratio,
    RectangleGate,
)
from assaykit.sources import xml_from_file
from assaykit.study import Spillover

Element = ET.Element
Matrices = Mapping[str, Spillover]
Read = TypeVar("Read")
GATING = "{http://www.isac-net.org/std/Gating-ML/v2.0/gating}"
TRANSFORMS = "{http://www.isac-net.org/std/Gating-ML/v2.0/transformations}"
DATATYPE = "{http://www.isac-net.org/std/Gating-ML/v2.0/datatypes}"


@dataclass(frozen=True, slots=True)
class GatingDocument:
    """Gates in document order, and the spillover matrices they name."""

    gates: tuple[FixedGate, ...]
    matrices: Mapping[str, Spillover] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Dimension:
    """One axis of a gate: the channel, how it is compensated, its scale, and the ratio it may be."""

    channel: str
    compensation: str
    scale: FixedScale | None
    ratio: Ratio | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class _Definitions:
    scales: Mapping[str, FixedScale]
    ratios: Mapping[str, Ratio]


def read_gatingml(path: Path) -> GatingDocument:
    """Return the gates of a Gating-ML 2.0 file; raises GateError where it is none, or a gate is not expressed here."""
    root = xml_from_file(path, "a Gating-ML file", GateError, label=str(path))
    document = gates_from_xml(root, str(path))
    if not document.gates:
        found = f"none; it is a file of <{root.tag.split('}')[-1]}>"
        raise GateError(
            "a Gating-ML file must hold gates of version 2.0", found, str(path), _PROGRAMS.get(_tag(root), "")
        )
    return document


_PROGRAMS = {
    "bdfacs": "a FACSDiva experiment holds no gates that are described: export the gates from FlowJo 10 or FlowKit",
    "Workspace": "a FlowJo workspace must end in .wsp",
}


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def gates_from_xml(root: Element, where: str) -> GatingDocument:
    """Return the gates below an element, wherever they are nested; each has an id of its own and a parent among them.

    Raises GateError for what is incomplete, no number, or drawn on what is not there.
    """
    reading = _Reading(where)
    scales = dict(reading.each(_transformations(root), _scale))
    ratios = dict(reading.each(_transformations(root), _ratio))
    definitions = _Definitions(scales, ratios)
    matrices = dict(reading.each(root.iter(f"{TRANSFORMS}spectrumMatrix"), _matrix))
    drawn = [element for element in root.iter() if element.tag in READERS]
    gates = reading.each(drawn, lambda element: READERS[element.tag](element, definitions, matrices))
    names = [gate.name for gate in gates]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise GateError("every gate must have an id of its own", f"{', '.join(twice[:4])} twice", where)
    try:
        in_order(gates)
    except GateError as error:
        raise GateError(error.must, error.found, where, "export the gates with all they are drawn on") from error
    return GatingDocument(tuple(gates), matrices)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One file being read: what its elements lack becomes a sentence with the element's id."""

    where: str

    def each(self, elements: Iterable[Element], read: Callable[[Element], Iterable[Read]]) -> list[Read]:
        found: list[Read] = []
        for element in elements:
            identity = element.get(f"{GATING}id") or element.get(f"{TRANSFORMS}id") or "without id"
            kind = "gate" if element.tag in READERS else _tag(element)
            place = f"{self.where}, {kind} {identity}"
            try:
                found += read(element)
            except CompensationError as error:
                raise GateError(error.must, error.found, place, "export the matrix again") from error
            except ValidationError as error:
                said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg'].lower()}" for e in error.errors()[:3])
                raise GateError("an element must be as Gating-ML 2.0 has it", said, place) from error
            except KeyError as error:
                said = f"no {str(error.args[0]).rpartition('}')[2]}"
                raise GateError("an element must be complete Gating-ML 2.0", said, place) from error
            except (ArithmeticError, LookupError, ValueError) as error:
                raise GateError("an element must be complete Gating-ML 2.0", str(error), place) from error
        return found


def finite_number(text: str) -> float:
    """Return a finite number; ValueError where the text is none.

    >>> finite_number("1.5")
    1.5
    """
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"'{text}', which is no number") from None
    if not isfinite(value):
        raise ValueError(f"'{text}', which is no finite number")
    return value


def _number(element: Element, name: str, default: float | None = None) -> float:
    text = element.get(f"{TRANSFORMS}{name}")
    if text is None and default is None:
        raise ValueError(f"{_tag(element)} without {name}")
    return finite_number(text) if text is not None else float(default or 0.0)


SCALES: dict[str, Callable[[Element], FixedScale]] = {
    "flin": lambda e: LinearScale(top=_number(e, "T"), negative=_number(e, "A")),
    "flog": lambda e: LogScale(top=_number(e, "T"), decades=_number(e, "M")),
    "fasinh": lambda e: ArcsinhScale(top=_number(e, "T"), decades=_number(e, "M"), negative_decades=_number(e, "A")),
    "logicle": lambda e: LogicleScale(
        top=_number(e, "T"), width=_number(e, "W"), decades=_number(e, "M"), negative_decades=_number(e, "A", 0.0)
    ),
    "hyperlog": lambda e: HyperlogScale(
        top=_number(e, "T"), width=_number(e, "W"), decades=_number(e, "M"), negative_decades=_number(e, "A", 0.0)
    ),
}


def _transformations(root: Element) -> Iterable[Element]:
    return root.iter(f"{TRANSFORMS}transformation")


def _scale(transformation: Element) -> list[tuple[str, FixedScale]]:
    made = ((SCALES.get(inner.tag.removeprefix(TRANSFORMS)), inner) for inner in transformation)
    return [(transformation.attrib[f"{TRANSFORMS}id"], make(inner)) for make, inner in made if make is not None]


def _ratio(transformation: Element) -> list[tuple[str, Ratio]]:
    found = []
    for inner in transformation.iter(f"{TRANSFORMS}fratio"):
        named = [e.attrib[f"{DATATYPE}name"] for e in inner.iter(f"{DATATYPE}fcs-dimension")]
        if len(named) != 2:
            raise ValueError(f"a ratio of {len(named)} channels")
        a, b, c = (_number(inner, name) for name in "ABC")
        ratio = Ratio(numerator=named[0], denominator=named[1], slope=a, offset=b, base=c)
        found.append((transformation.attrib[f"{TRANSFORMS}id"], ratio))
    return found


def _matrix(element: Element) -> list[tuple[str, Spillover]]:
    identity = element.attrib[f"{TRANSFORMS}id"]
    dyes, detectors = (
        tuple(e.attrib[f"{DATATYPE}name"] for part in element.iter(f"{TRANSFORMS}{tag}")
              for e in part.iter(f"{DATATYPE}fcs-dimension"))
        for tag in ("fluorochromes", "detectors")
    )  # fmt: skip
    rows = tuple(
        tuple(finite_number(value.attrib[f"{TRANSFORMS}value"]) for value in row.iter(f"{TRANSFORMS}coefficient"))
        for row in element.iter(f"{TRANSFORMS}spectrum")
    )
    if not dyes or not detectors:
        raise ValueError("no fluorochromes or no detectors")
    if len(set(dyes)) < len(dyes):
        raise ValueError("a fluorochrome twice")
    return [(identity, check_spillover(Spillover(detectors, rows, dyes, source=f"spectrumMatrix {identity}")))]


def _identity(element: Element) -> dict[str, Any]:
    return {"name": element.attrib[f"{GATING}id"], "parent": element.get(f"{GATING}parent_id", ALL)}


def _end(element: Element, name: str) -> float | None:
    text = element.get(f"{GATING}{name}")
    return None if text is None else finite_number(text)


def _dimension(element: Element, definitions: _Definitions, matrices: Matrices) -> _Dimension:
    """Read one dimension or divider: an FCS channel, or a ratio defined as a transformation.

    FlowJo writes Comp-X for X compensated by the file's matrix, where the document holds none of that dye.
    """
    reference = element.get(f"{GATING}compensation-ref", RAW)
    named = element.find(f"{DATATYPE}fcs-dimension")
    new = element.find(f"{DATATYPE}new-dimension")
    if named is None and new is None:
        raise ValueError("a dimension without a channel")
    ratio_id = "" if new is None else new.attrib[f"{DATATYPE}transformation-ref"]
    scale = element.get(f"{GATING}transformation-ref")
    channel = named.attrib[f"{DATATYPE}name"] if named is not None else ratio_id
    own = reference == "FCS"
    matrix = matrices.get(reference)
    dyes = () if matrix is None else matrix.dyes or matrix.detectors
    if channel.startswith(COMPENSATED) and channel not in dyes:
        channel, own = channel.removeprefix(COMPENSATED), reference not in matrices
    if not own and reference != RAW and reference not in matrices:
        raise ValueError(f"compensation-ref '{reference}', which is not defined")
    if scale is not None and scale not in definitions.scales:
        raise ValueError(f"transformation-ref '{scale}', which is not defined")
    if ratio_id and ratio_id not in definitions.ratios:
        raise ValueError(f"the new dimension '{ratio_id}', which is no ratio defined here")
    return _Dimension(
        channel=channel,
        compensation=OWN if own else reference,
        scale=None if scale is None else definitions.scales[scale],
        ratio=definitions.ratios[ratio_id] if ratio_id else None,
        low=_end(element, "min"),
        high=_end(element, "max"),
    )


COMPENSATED = "Comp-"


def _axes(dimensions: list[_Dimension]) -> dict[str, Any]:
    """Return what every shape says of its channels: scales, compensation, ratios."""
    return {
        "scales": {d.channel: d.scale for d in dimensions if d.scale is not None},
        "compensation": {d.channel: d.compensation for d in dimensions if d.compensation != OWN},
        "ratios": {d.channel: d.ratio for d in dimensions if d.ratio is not None},
    }


def _dimensions(element: Element, definitions: _Definitions, matrices: Matrices) -> list[_Dimension]:
    found = [_dimension(e, definitions, matrices) for e in element.iter(f"{GATING}dimension")]
    if not found:
        raise ValueError("a gate without dimensions")
    if len({d.channel for d in found}) < len(found):
        raise ValueError("one channel twice, which is not expressed here")
    return found


def _coordinates(element: Element, tag: str) -> tuple[tuple[float, ...], ...]:
    value = f"{DATATYPE}value"
    return tuple(tuple(finite_number(c.attrib[value]) for c in group) for group in element.iter(f"{GATING}{tag}"))


def _rectangle(element: Element, definitions: _Definitions, matrices: Matrices) -> list[FixedGate]:
    axes = _dimensions(element, definitions, matrices)
    bounds = {d.channel: (d.low, d.high) for d in axes}
    return [RectangleGate(**_identity(element), **_axes(axes), bounds=bounds)]


def _polygon(element: Element, definitions: _Definitions, matrices: Matrices) -> list[FixedGate]:
    axes = _dimensions(element, definitions, matrices)
    corners = _coordinates(element, "vertex")
    if len(axes) != 2 or any(len(corner) != 2 for corner in corners):
        raise ValueError(f"a polygon of {len(axes)} dimensions, or a vertex without two coordinates")
    vertices = tuple((x, y) for x, y in corners)
    x, y = (axis.channel for axis in axes)
    return [PolygonGate(**_identity(element), **_axes(axes), x=x, y=y, vertices=vertices)]


def _ellipsoid(element: Element, definitions: _Definitions, matrices: Matrices) -> list[FixedGate]:
    axes = _dimensions(element, definitions, matrices)
    distance = element.find(f"{GATING}distanceSquare")
    if distance is None:
        raise ValueError("an ellipsoid without distanceSquare")
    means, covariance = _coordinates(element, "mean"), _coordinates(element, "row")
    square = {len(row) for row in covariance} == {len(covariance)}
    if not means or not square or len(axes) != len(covariance):
        raise ValueError("a mean or a covariance that does not fit the dimensions")
    if np.linalg.matrix_rank(np.array(covariance)) < len(covariance):
        raise ValueError("a covariance matrix that cannot be inverted")
    return [
        EllipsoidGate(
            **_identity(element),
            **_axes(axes),
            channels=tuple(axis.channel for axis in axes),
            mean=means[0],
            covariance=covariance,
            distance_squared=finite_number(distance.attrib[f"{DATATYPE}value"]),
        )
    ]


def _quadrants(element: Element, definitions: _Definitions, matrices: Matrices) -> list[FixedGate]:
    """Return one rectangle per quadrant: on each divider, the interval between its values that holds the location."""
    parent = element.get(f"{GATING}parent_id", ALL)
    dividers = {d.attrib[f"{GATING}id"]: d for d in element.iter(f"{GATING}divider")}
    gates: list[FixedGate] = []
    for quadrant in element.iter(f"{GATING}Quadrant"):
        axes, bounds = [], {}
        for position in quadrant.iter(f"{GATING}position"):
            reference = position.attrib[f"{GATING}divider_ref"]
            if reference not in dividers:
                raise ValueError(f"divider_ref '{reference}', which is not defined")
            divider = dividers[reference]
            axis = _dimension(divider, definitions, matrices)
            values = sorted(finite_number(value.text or "") for value in divider.iter(f"{GATING}value"))
            place = finite_number(position.attrib[f"{GATING}location"])
            bounds[axis.channel] = (
                max((value for value in values if value <= place), default=None),
                min((value for value in values if value > place), default=None),
            )
            axes.append(axis)
        if not bounds:
            raise ValueError("a quadrant without positions")
        name = quadrant.attrib[f"{GATING}id"]
        gates.append(RectangleGate(name=name, parent=parent, **_axes(axes), bounds=bounds))
    return gates


def _boolean(element: Element, _: _Definitions, __: Matrices) -> list[FixedGate]:
    operation = next((e for e in element if e.tag.removeprefix(GATING) in {"and", "or", "not"}), None)
    if operation is None:
        raise ValueError("a boolean gate without and, or, not")
    of = tuple(
        (COMPLEMENT if ref.get(f"{GATING}use-as-complement", "false") in {"true", "1"} else "")
        + ref.attrib[f"{GATING}ref"]
        for ref in operation.iter(f"{GATING}gateReference")
    )
    kind = operation.tag.removeprefix(GATING)
    return [BooleanGate.model_validate({**_identity(element), "operation": kind, "of": of})]


READERS: dict[str, Callable[[Element, _Definitions, Matrices], list[FixedGate]]] = {
    f"{GATING}RectangleGate": _rectangle,
    f"{GATING}PolygonGate": _polygon,
    f"{GATING}EllipsoidGate": _ellipsoid,
    f"{GATING}QuadrantGate": _quadrants,
    f"{GATING}BooleanGate": _boolean,
}
