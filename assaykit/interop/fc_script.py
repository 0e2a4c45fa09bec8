"""Gates from a Python script for FlowCytometryTools: the statements that make them are read, and no line is run.

script -> syntax tree -> gate objects by name, scales by channel, gates applied one after the other -> our gates
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import and_, or_, xor
from pathlib import Path
from typing import Any

import numpy as np

from assaykit.cytometry import GatingDocument
from assaykit.errors import GateError
from assaykit.interop.fc_gates import EVERY, SHAPES, TOP, Hlog, gates_from_fc_gates, population_name
from assaykit.interop.flowcytometrytools import load
from assaykit.protocol import BooleanGate, FixedGate
from assaykit.sources import text_from_file

_HLOG = ("hlog", "hyperlog")


def read_fc_gates(
    path: Path, *, hlog: Mapping[str, Hlog] | None = None, tops: Mapping[str, float] | None = None
) -> GatingDocument:
    """Return the gates that a Python script makes with FlowCytometryTools; the script is read, never run.

    It reads what its viewer prints and its documentation writes: `red = ThresholdGate(5e3, ['Y2-A'], region='above')`
    and the like, combinations by `&`, `|`, `^` and `~`, `.transform('hlog', channels=[...], b=500)`, and gates applied
    one after the other, `plate.gate(live).gate(red)`, whose population is called live_red. `hlog` adds to what the
    script says of channels; `tops` are their ranges ($PnR), 2^18 where absent. Numbers must stand in the script, as
    they are or under a name. Raises GateError for a script without gates, a gate that cannot be read, or a
    transformation other than hlog of a channel that a gate reads.
    """
    text = text_from_file(path, "a script with gates", GateError)
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        found = f"{getattr(error, 'msg', '') or error} in row {getattr(error, 'lineno', None) or '?'}"
        raise GateError("a script with gates must be Python", found, path.name) from error
    script = _Script(path.name, dict(hlog or {}), tops or {})
    simple = [node for node in ast.walk(tree) if isinstance(node, (ast.Assign, ast.AnnAssign, ast.Expr, ast.Return))]
    for statement in sorted(simple, key=lambda node: node.lineno):
        script.read(statement)
    if not script.gates:
        found = "no ThresholdGate, IntervalGate, QuadGate or PolyGate"
        raise GateError("a script must make gates of FlowCytometryTools", found, path.name)
    shapes = gates_from_fc_gates(script.gates, hlog=script.hlog)
    script.refuse_other_scales(shapes)
    return GatingDocument((*shapes, *script.populations.values()))


@dataclass(slots=True)
class _Script:
    """What has been read of a script: constants, gates, and populations of gates applied one after the other."""

    name: str
    hlog: dict[str, Hlog]
    tops: Mapping[str, float]
    constants: dict[str, Any] = field(default_factory=dict)
    gates: dict[str, Any] = field(default_factory=dict)
    samples: dict[str, tuple[str, ...]] = field(default_factory=dict)  # variable -> gates applied to it
    populations: dict[str, BooleanGate] = field(default_factory=dict)
    other_scales: dict[str, str] = field(default_factory=dict)  # channel -> transformation

    def read(self, statement: ast.Assign | ast.AnnAssign | ast.Expr | ast.Return) -> None:
        """Read one statement: a gate, a number under a name, or what is done to a sample or plate."""
        if statement.value is None:
            return
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        gate = self._gate(statement.value)
        if gate is not None and names:
            name = getattr(gate, "given_name", "") or names[0]
            if hasattr(gate, "given_name"):
                gate.name = name  # else a number counted through the session
            if self.gates.setdefault(name, gate) is not gate:
                where = f"{self.name}, row {statement.lineno}"
                raise GateError("two gates must have two names", f"'{name}' twice", where, "rename one")
            self.constants |= dict.fromkeys(names, gate)
            return
        for call in ast.walk(statement.value):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                if call.func.attr == "transform":
                    self._transform(call)
                elif call.func.attr == "gate":
                    self._gates_applied_to(call)
        if names:
            self.samples |= dict.fromkeys(names, self._gates_applied_to(statement.value))
            value = self._value(statement.value)
            self.constants |= dict.fromkeys(names, value) if value is not None else {}

    def _gate(self, node: ast.expr) -> Any:
        """Return the gate object that an expression makes or names; None where it is no gate."""
        match node:
            case ast.Name(id=name) if type(self.constants.get(name)).__name__ in (*SHAPES, "CompositeGate"):
                return self.constants[name]
            case ast.UnaryOp(op=ast.Invert(), operand=operand):
                gate = self._gate(operand)
                return None if gate is None else ~gate
            case ast.BinOp(left=left, op=ast.BitAnd() | ast.BitOr() | ast.BitXor() as sign, right=right):
                first, second = self._gate(left), self._gate(right)
                if first is None or second is None:
                    return None
                return {ast.BitAnd: and_, ast.BitOr: or_, ast.BitXor: xor}[type(sign)](first, second)
            case ast.Call(func=ast.Name(id=kind) | ast.Attribute(attr=kind)) if kind in SHAPES:
                return self._make_gate(node, kind)
        return None

    def _make_gate(self, call: ast.Call, kind: str) -> Any:
        where = f"{self.name}, row {call.lineno}"
        values = [self._value(argument) for argument in call.args]
        options = {str(option.arg): self._value(option.value) for option in call.keywords}
        if any(value is None for value in (*values, *options.values())):
            remedy = "write the numbers and names themselves"
            raise GateError("a gate must be made of what stands in the script", ast.unparse(call)[:80], where, remedy)
        try:
            gate = getattr(load(), kind)(*values, **options)
            two = kind in ("QuadGate", "PolyGate")
            if len(gate.channels) != 1 + two or not np.all(np.isfinite(np.asarray(gate.vert, dtype=float))):
                raise ValueError(f"{'two channels' if two else 'one channel'} and numbers are needed")
        except (TypeError, ValueError, AttributeError) as error:
            raise GateError("a gate must be one that FlowCytometryTools can make", str(error), where) from error
        gate.given_name = population_name(str(options.get("name", "")), "")
        return gate

    def _value(self, node: ast.expr) -> Any:
        """Return the value of a literal, or of a name that stands for one; None where it is neither."""
        if isinstance(node, ast.Name):
            return self.constants.get(node.id)
        if isinstance(node, (ast.Tuple, ast.List)):
            values = [self._value(element) for element in node.elts]
            return None if any(value is None for value in values) else values
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return None

    def _transform(self, call: ast.Call) -> None:
        """Note the scale that `.transform(...)` puts channels on."""
        kind = self._value(call.args[0]) if call.args else None
        options = {str(option.arg): self._value(option.value) for option in call.keywords}
        channels = options.get("channels")
        named = [channels] if isinstance(channels, str) else list(channels or [EVERY])
        if str(kind).casefold() not in _HLOG:
            self.other_scales |= dict.fromkeys(named, str(kind))
            return
        ends = {name: float(options[name]) for name in ("b", "r") if options.get(name) is not None}
        for channel in named:
            top = 10.0 ** float(options["d"]) if options.get("d") is not None else self.tops.get(channel, TOP)
            hlog = Hlog(**ends, top=top)
            if self.hlog.setdefault(channel, hlog) != hlog:
                where, remedy = f"{self.name}, row {call.lineno}", "keep one script for each"
                raise GateError("a channel must have one scale", f"two for {channel}", where, remedy)

    def _gates_applied_to(self, node: ast.expr) -> tuple[str, ...]:
        """Return the gates that were applied to what an expression stands for, outermost first."""
        match node:
            case ast.Name(id=name):
                return self.samples.get(name, ())
            case ast.Call(func=ast.Attribute(value=sample, attr="gate"), args=[first, *_]):
                before, gate = self._gates_applied_to(sample), self._gate(first)
                if gate is None:
                    return before
                name = next((name for name, known in self.gates.items() if known is gate), "")
                if not name:  # made or combined where it was applied
                    name = population_name(str(gate.name))
                    self.gates.setdefault(name, gate)
                if before:
                    whole = "_".join((*before, name))
                    population = BooleanGate(name=whole, parent="_".join(before), operation="and", of=(name,))
                    self.populations[whole] = population
                return (*before, name)
            case ast.Call(func=ast.Attribute(value=sample)) | ast.Subscript(value=sample):
                return self._gates_applied_to(sample)
        return ()

    def refuse_other_scales(self, gates: tuple[FixedGate, ...]) -> None:
        """Raise GateError where a gate reads a channel that was on a scale other than hlog."""
        axes = [getattr(gate, axis) for gate in gates for axis in ("channel", "x", "y") if hasattr(gate, axis)]
        for channel in axes:
            kind = self.other_scales.get(channel, self.other_scales.get(EVERY))
            if kind is not None:
                must, remedy = "gates must be drawn on raw values or on hlog", "draw them again"
                raise GateError(must, f"{kind} for {channel}", self.name, remedy)
