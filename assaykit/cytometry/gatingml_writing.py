"""Gates of ours written as Gating-ML 2.0 (ISAC 2013), so that other programs draw them and ours reads them back."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from assaykit.cytometry.columns import OWN
from assaykit.cytometry.gatingml import DATATYPE, GATING, TRANSFORMS, GatingDocument
from assaykit.cytometry.hierarchy import ALL, COMPLEMENT
from assaykit.errors import GateError
from assaykit.protocol import (
    ArcsinhScale,
    BooleanGate,
    EllipsoidGate,
    FixedGate,
    FixedScale,
    HyperlogScale,
    IntervalGate,
    LinearScale,
    LogicleScale,
    LogScale,
    PolygonGate,
    QuadrantGate,
    RectangleGate,
    ThresholdGate,
)
from assaykit.study import Spillover

Element = ET.Element
Shape = ThresholdGate | IntervalGate | RectangleGate | PolygonGate | QuadrantGate | EllipsoidGate
Ends = tuple[float | None, float | None]
LARGEST = sys.float_info.max


def write_gatingml(document: GatingDocument, path: Path, *, columns: Mapping[str, str] | None = None) -> None:
    """Write the gates as Gating-ML 2.0; `columns` turns channel roles into the $PnN other programs know.

    A threshold that spares dyes becomes one gate per dye and their union. Raises GateError for a gate Gating-ML cannot
    hold: one that combines "all", or a scale that is a bare name.
    """
    for prefix, name in (("gating", GATING), ("transforms", TRANSFORMS), ("data-type", DATATYPE)):
        ET.register_namespace(prefix, name.strip("{}"))
    root = Element(f"{GATING}Gating-ML")
    for identity, spillover in document.matrices.items():
        root.append(_matrix(identity, spillover))
    writer = _Writer(root, dict(columns or {}))
    for gate in document.gates:
        writer.add(gate)
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


class _Writer:
    """Gates appended to a document, each transformation written once before the first gate that names it."""

    def __init__(self, root: Element, columns: dict[str, str]) -> None:
        self.root, self.columns = root, columns
        self.known: dict[object, str] = {}

    def add(self, gate: FixedGate) -> None:
        match gate:
            case ThresholdGate() if gate.spared:
                ends = {gate.channel: gate.value, **gate.spared}
                parts = [
                    gate.model_copy(
                        update={"name": f"{gate.name}_{channel}", "channel": channel, "value": value, "spared": {}}
                    )
                    for channel, value in ends.items()
                ]
                for part in parts:
                    self.add(part)
                union = tuple(part.name for part in parts)
                element = _boolean(BooleanGate(name=gate.name, parent=gate.parent, operation="or", of=union))
            case BooleanGate():
                element = _boolean(gate)
            case PolygonGate():
                element = self._polygon(gate)
            case EllipsoidGate():
                element = self._ellipsoid(gate)
            case _:
                element = self._rectangle(gate, _bounds(gate))
        self.root.append(element)

    def _dimension(self, gate: Shape, channel: str, ends: Ends = (None, None)) -> Element:
        reference = gate.compensation.get(channel, OWN) or "FCS"
        dimension = Element(f"{GATING}dimension", {f"{GATING}compensation-ref": reference})
        scale = gate.scales.get(channel)
        if isinstance(scale, str) and scale != "raw":
            raise GateError("a scale must have its numbers to be written", scale, f"gate {gate.name}")
        if scale is not None and not isinstance(scale, str):
            dimension.set(f"{GATING}transformation-ref", self._transformation(scale, *_scale_element(scale)))
        # FlowKit 1.3 cannot apply a ratio that is open at one end: it gets the largest number there is.
        for name, end, furthest in zip(("min", "max"), ends, (-LARGEST, LARGEST), strict=True):
            bound = furthest if channel in gate.ratios and ends != (None, None) and end is None else end
            if bound is not None and abs(bound) != float("inf"):
                dimension.set(f"{GATING}{name}", repr(float(bound)))
        if channel in gate.ratios:
            identity = self._ratio(gate, channel)
            ET.SubElement(dimension, f"{DATATYPE}new-dimension", {f"{DATATYPE}transformation-ref": identity})
        else:
            name = self.columns.get(channel, channel)
            ET.SubElement(dimension, f"{DATATYPE}fcs-dimension", {f"{DATATYPE}name": name})
        return dimension

    def _ratio(self, gate: Shape, channel: str) -> str:
        ratio = gate.ratios[channel]
        numbers = {"A": ratio.slope, "B": ratio.offset, "C": ratio.base}
        parts = [self.columns.get(name, name) for name in (ratio.numerator, ratio.denominator)]
        return self._transformation((channel, *parts, *numbers.values()), "fratio", numbers, parts)

    def _transformation(
        self, key: object, tag: str, numbers: Mapping[str, float], parts: list[str] | None = None
    ) -> str:
        if key not in self.known:
            self.known[key] = f"{tag}_{len(self.known) + 1}"
            outer = ET.SubElement(self.root, f"{TRANSFORMS}transformation", {f"{TRANSFORMS}id": self.known[key]})
            attributes = {f"{TRANSFORMS}{name}": repr(float(value)) for name, value in numbers.items()}
            inner = ET.SubElement(outer, f"{TRANSFORMS}{tag}", attributes)
            for part in parts or []:
                ET.SubElement(inner, f"{DATATYPE}fcs-dimension", {f"{DATATYPE}name": part})
        return self.known[key]

    def _rectangle(self, gate: Shape, bounds: Mapping[str, Ends]) -> Element:
        element = _named(gate, "RectangleGate")
        for channel, ends in bounds.items():
            element.append(self._dimension(gate, channel, ends))
        return element

    def _polygon(self, gate: PolygonGate) -> Element:
        if gate.scale != "raw":
            raise GateError("a scale must have its numbers to be written", gate.scale, f"gate {gate.name}")
        element = _named(gate, "PolygonGate")
        for channel in (gate.x, gate.y):
            element.append(self._dimension(gate, channel))
        for vertex in gate.vertices:
            _values(ET.SubElement(element, f"{GATING}vertex"), "coordinate", vertex)
        return element

    def _ellipsoid(self, gate: EllipsoidGate) -> Element:
        element = _named(gate, "EllipsoidGate")
        for channel in gate.channels:
            element.append(self._dimension(gate, channel))
        _values(ET.SubElement(element, f"{GATING}mean"), "coordinate", gate.mean)
        matrix = ET.SubElement(element, f"{GATING}covarianceMatrix")
        for row in gate.covariance:
            _values(ET.SubElement(matrix, f"{GATING}row"), "entry", row)
        ET.SubElement(element, f"{GATING}distanceSquare", {f"{DATATYPE}value": repr(float(gate.distance_squared))})
        return element


def _named(gate: FixedGate, tag: str) -> Element:
    element = Element(f"{GATING}{tag}", {f"{GATING}id": gate.name})
    if gate.parent != ALL:
        element.set(f"{GATING}parent_id", gate.parent)
    return element


def _values(element: Element, tag: str, values: tuple[float, ...]) -> None:
    for value in values:
        ET.SubElement(element, f"{GATING}{tag}", {f"{DATATYPE}value": repr(float(value))})


def _bounds(gate: ThresholdGate | IntervalGate | RectangleGate | QuadrantGate) -> dict[str, Ends]:
    match gate:
        case ThresholdGate():
            return {gate.channel: (gate.value, None) if gate.side == "above" else (None, gate.value)}
        case IntervalGate():
            return {gate.channel: (gate.low, gate.high)}
        case RectangleGate():
            return dict(gate.bounds)
        case QuadrantGate():
            sides = ((gate.x, gate.x_value, gate.keep[0]), (gate.y, gate.y_value, gate.keep[1]))
            return {channel: (value, None) if sign == "+" else (None, value) for channel, value, sign in sides}


def _boolean(gate: BooleanGate) -> Element:
    if ALL in {name.removeprefix(COMPLEMENT) for name in gate.of}:
        raise GateError('Gating-ML has no gate for "all"', f"operands {', '.join(gate.of)}", f"gate {gate.name}")
    element = _named(gate, "BooleanGate")
    single_not = gate.operation == "not" and len(gate.of) == 1
    # Ours negates several at once: not (a or b). Gating-ML's not takes one, so write (not a) and (not b).
    tag = gate.operation if single_not or gate.operation != "not" else "and"
    flip = gate.operation == "not" and not single_not
    operation = ET.SubElement(element, f"{GATING}{tag}")
    # Its `and` and `or` take two references at least: one that stands alone is named twice, which changes nothing.
    for name in gate.of * 2 if len(gate.of) == 1 and tag != "not" else gate.of:
        reference = ET.SubElement(operation, f"{GATING}gateReference", {f"{GATING}ref": name.removeprefix(COMPLEMENT)})
        if name.startswith(COMPLEMENT) != flip:
            reference.set(f"{GATING}use-as-complement", "true")
    return element


def _scale_element(scale: FixedScale) -> tuple[str, dict[str, float]]:
    match scale:
        case LinearScale():
            return "flin", {"T": scale.top, "A": scale.negative}
        case LogScale():
            return "flog", {"T": scale.top, "M": scale.decades}
        case ArcsinhScale():
            return "fasinh", {"T": scale.top, "M": scale.decades, "A": scale.negative_decades}
        case LogicleScale():
            tag = "logicle"
        case HyperlogScale():
            tag = "hyperlog"
    return tag, {"T": scale.top, "W": scale.width, "M": scale.decades, "A": scale.negative_decades}


def _matrix(identity: str, spillover: Spillover) -> Element:
    matrix = Element(f"{TRANSFORMS}spectrumMatrix", {f"{TRANSFORMS}id": identity})
    for tag, names in (("fluorochromes", spillover.dyes or spillover.detectors), ("detectors", spillover.detectors)):
        part = ET.SubElement(matrix, f"{TRANSFORMS}{tag}")
        for name in names:
            ET.SubElement(part, f"{DATATYPE}fcs-dimension", {f"{DATATYPE}name": name})
    for row in spillover.matrix:
        spectrum = ET.SubElement(matrix, f"{TRANSFORMS}spectrum")
        for value in row:
            ET.SubElement(spectrum, f"{TRANSFORMS}coefficient", {f"{TRANSFORMS}value": repr(float(value))})
    return matrix
