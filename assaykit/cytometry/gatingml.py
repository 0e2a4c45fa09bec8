"""Gating-ML 2.0 (ISAC 2013) read as gates of ours: XML -> transformations and matrices -> gates by their ids.

Every gate keeps its id as its name. Dimensions become channels, their compensation-ref "uncompensated", "FCS" (the
file's own) or a matrix of the document; a ratio becomes a channel of the gate. Quadrants become rectangles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from assaykit.cytometry.columns import OWN, RAW
from assaykit.cytometry.compensation import checked
from assaykit.cytometry.hierarchy import ALL, COMPLEMENT
from assaykit.errors import GateError
from assaykit.protocol.gates import (
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
from assaykit.study.model import Spillover

Element = ET.Element
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
    try:
        root = ET.parse(path).getroot()  # noqa: S314 - expat has refused entity bombs since 2.4.1, and nothing is fetched
    except (ET.ParseError, OSError) as error:
        raise GateError("a Gating-ML file must be XML that can be read", str(error), str(path)) from error
    document = gates_from_xml(root, str(path))
    if not document.gates:
        raise GateError("a Gating-ML file must hold gates of version 2.0", "none", str(path))
    return document


def gates_from_xml(root: Element, where: str) -> GatingDocument:
    """Return the gates below an element, wherever they are nested."""
    definitions = _Definitions(dict(_scales(root)), dict(_ratios(root)))
    gates = []
    for element in root.iter():
        reader = READERS.get(element.tag)
        if reader is None:
            continue
        try:
            gates += reader(element, definitions)
        except (KeyError, ValueError, TypeError) as error:
            identity = element.get(f"{GATING}id", "without id")
            raise GateError(
                "a gate must be complete Gating-ML 2.0", f"{error!s}", f"{where}, gate {identity}"
            ) from error
    return GatingDocument(tuple(gates), dict(_matrices(root)))


def _number(element: Element, name: str, default: float | None = None) -> float:
    text = element.get(f"{TRANSFORMS}{name}")
    if text is None and default is None:
        raise ValueError(f"{element.tag.split('}')[1]} lacks {name}")
    return float(text) if text is not None else float(default or 0.0)


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


def _transformations(root: Element) -> Iterator[tuple[str, Element]]:
    for element in root.iter(f"{TRANSFORMS}transformation"):
        for inner in element:
            yield element.attrib[f"{TRANSFORMS}id"], inner


def _scales(root: Element) -> Iterator[tuple[str, FixedScale]]:
    for identity, inner in _transformations(root):
        make = SCALES.get(inner.tag.removeprefix(TRANSFORMS))
        if make is not None:
            yield identity, make(inner)


def _ratios(root: Element) -> Iterator[tuple[str, Ratio]]:
    for identity, inner in _transformations(root):
        if inner.tag == f"{TRANSFORMS}fratio":
            top, bottom = (e.attrib[f"{DATATYPE}name"] for e in inner.iter(f"{DATATYPE}fcs-dimension"))
            a, b, c = (_number(inner, name) for name in "ABC")
            yield identity, Ratio(numerator=top, denominator=bottom, slope=a, offset=b, base=c)


def _matrices(root: Element) -> Iterator[tuple[str, Spillover]]:
    for element in root.iter(f"{TRANSFORMS}spectrumMatrix"):
        identity = element.attrib[f"{TRANSFORMS}id"]
        dyes, detectors = (
            tuple(e.attrib[f"{DATATYPE}name"] for e in part.iter(f"{DATATYPE}fcs-dimension"))
            for tag in ("fluorochromes", "detectors")
            for part in element.iter(f"{TRANSFORMS}{tag}")
        )
        rows = tuple(
            tuple(float(value.attrib[f"{TRANSFORMS}value"]) for value in row.iter(f"{TRANSFORMS}coefficient"))
            for row in element.iter(f"{TRANSFORMS}spectrum")
        )
        yield identity, checked(Spillover(detectors, rows, dyes, source=f"spectrumMatrix {identity}"))


def _identity(element: Element) -> dict[str, Any]:
    return {"name": element.attrib[f"{GATING}id"], "parent": element.get(f"{GATING}parent_id", ALL)}


def _end(element: Element, name: str) -> float | None:
    text = element.get(f"{GATING}{name}")
    return None if text is None else float(text)


def _dimension(element: Element, definitions: _Definitions) -> _Dimension:
    """Read one dimension or divider: an FCS channel, or a ratio defined as a transformation."""
    reference = element.get(f"{GATING}compensation-ref", RAW)
    named = element.find(f"{DATATYPE}fcs-dimension")
    new = element.find(f"{DATATYPE}new-dimension")
    if named is None and new is None:
        raise ValueError("a dimension names no channel")
    ratio_id = "" if new is None else new.attrib[f"{DATATYPE}transformation-ref"]
    scale = element.get(f"{GATING}transformation-ref")
    return _Dimension(
        channel=named.attrib[f"{DATATYPE}name"] if named is not None else ratio_id,
        compensation=OWN if reference == "FCS" else reference,
        scale=None if scale is None else definitions.scales[scale],
        ratio=definitions.ratios[ratio_id] if ratio_id else None,
        low=_end(element, "min"),
        high=_end(element, "max"),
    )


def _axes(dimensions: list[_Dimension]) -> dict[str, Any]:
    """Return what every shape says of its channels: scales, compensation, ratios."""
    return {
        "scales": {d.channel: d.scale for d in dimensions if d.scale is not None},
        "compensation": {d.channel: d.compensation for d in dimensions if d.compensation != OWN},
        "ratios": {d.channel: d.ratio for d in dimensions if d.ratio is not None},
    }


def _dimensions(element: Element, definitions: _Definitions) -> list[_Dimension]:
    found = [_dimension(e, definitions) for e in element.iter(f"{GATING}dimension")]
    if len({d.channel for d in found}) < len(found):
        raise ValueError("a gate that reads one channel twice is not expressed here")
    return found


def _coordinates(element: Element, tag: str) -> tuple[tuple[float, ...], ...]:
    value = f"{DATATYPE}value"
    return tuple(tuple(float(c.attrib[value]) for c in group) for group in element.iter(f"{GATING}{tag}"))


def _rectangle(element: Element, definitions: _Definitions) -> list[FixedGate]:
    axes = _dimensions(element, definitions)
    bounds = {d.channel: (d.low, d.high) for d in axes}
    return [RectangleGate(**_identity(element), **_axes(axes), bounds=bounds)]


def _polygon(element: Element, definitions: _Definitions) -> list[FixedGate]:
    axes = _dimensions(element, definitions)
    vertices = tuple((x, y) for x, y in _coordinates(element, "vertex"))
    x, y = (axis.channel for axis in axes)
    return [PolygonGate(**_identity(element), **_axes(axes), x=x, y=y, vertices=vertices)]


def _ellipsoid(element: Element, definitions: _Definitions) -> list[FixedGate]:
    axes = _dimensions(element, definitions)
    distance = element.find(f"{GATING}distanceSquare")
    if distance is None:
        raise ValueError("an ellipsoid lacks distanceSquare")
    return [
        EllipsoidGate(
            **_identity(element),
            **_axes(axes),
            channels=tuple(axis.channel for axis in axes),
            mean=_coordinates(element, "mean")[0],
            covariance=_coordinates(element, "row"),
            distance_squared=float(distance.attrib[f"{DATATYPE}value"]),
        )
    ]


def _quadrants(element: Element, definitions: _Definitions) -> list[FixedGate]:
    """Return one rectangle per quadrant: on each divider, the interval between its values that holds the location."""
    parent = element.get(f"{GATING}parent_id", ALL)
    dividers = {d.attrib[f"{GATING}id"]: d for d in element.iter(f"{GATING}divider")}
    gates: list[FixedGate] = []
    for quadrant in element.iter(f"{GATING}Quadrant"):
        axes, bounds = [], {}
        for position in quadrant.iter(f"{GATING}position"):
            divider = dividers[position.attrib[f"{GATING}divider_ref"]]
            axis = _dimension(divider, definitions)
            values = sorted(float(value.text or "") for value in divider.iter(f"{GATING}value"))
            place = float(position.attrib[f"{GATING}location"])
            bounds[axis.channel] = (
                max((value for value in values if value <= place), default=None),
                min((value for value in values if value > place), default=None),
            )
            axes.append(axis)
        name = quadrant.attrib[f"{GATING}id"]
        gates.append(RectangleGate(name=name, parent=parent, **_axes(axes), bounds=bounds))
    return gates


def _boolean(element: Element, _: _Definitions) -> list[FixedGate]:
    operation = next(e for e in element if e.tag.removeprefix(GATING) in {"and", "or", "not"})
    of = tuple(
        (COMPLEMENT if ref.get(f"{GATING}use-as-complement", "false") in {"true", "1"} else "")
        + ref.attrib[f"{GATING}ref"]
        for ref in operation.iter(f"{GATING}gateReference")
    )
    kind = operation.tag.removeprefix(GATING)
    return [BooleanGate.model_validate({**_identity(element), "operation": kind, "of": of})]


READERS: dict[str, Callable[[Element, _Definitions], list[FixedGate]]] = {
    f"{GATING}RectangleGate": _rectangle,
    f"{GATING}PolygonGate": _polygon,
    f"{GATING}EllipsoidGate": _ellipsoid,
    f"{GATING}QuadrantGate": _quadrants,
    f"{GATING}BooleanGate": _boolean,
}
