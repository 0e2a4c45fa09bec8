"""Every check has its home: what is emitted anywhere is declared in CHECKS, at the level it is emitted at."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import assaykit
from assaykit.checks import CHECKS, Check, consequence, meaning
from assaykit.measurements import CRITERIA
from assaykit.tables import Finding

SOURCE = Path(assaykit.__file__).parent
LEVELS = ("note", "warn", "fail")
MAKERS = {
    "Finding": (0, 1),
    "bench_finding": (1, 2),
    "_located": (0, 1),
    "_finding": (1, 2),
}  # function -> place of level and of check
FAMILIES = {"detector_": ("voltage", "gain"), "excluded_": ("time", "margin", "signal"), "repair_": ()}
FEW = {(level, name) for level in ("warn", "fail") for name in ("few_cells", "few_beads")}
UNUSABLE = {("fail", name) for name in ("file_unreadable", "well_unusable", "file_missing")}
VARIABLES = {  # names that stand for a check, or for its level, and what they may be
    ("measure.py", "check"): FEW | UNUSABLE,
    ("curves.py", "check"): {("warn", "plateau_not_reached"), ("warn", "curve_not_fitted")},
    ("confounding.py", "check"): {("warn", name) for name in ("confounded", "arms_apart", "arms_partly_apart")},
    ("acceptance.py", "row.check"): {(level, name) for level in ("warn", "fail") for name in CRITERIA},
    ("overrides.py", "check"): {("note", name) for name in ("excluded_by_hand", "control_excluded_by_hand")},
    ("spillover_need.py", "CHECK"): {("note", "uncompensated")},
}  # fmt: skip
PASSED_ON = {"gate_estimate.py", "sisters.py", "controls.py"}  # a function there is given the check by its caller
SENTENCES = {"words.py"}  # of the report: a "finding" there is a result in words
DOUBTS = {"pass": "", "warn": "warn", "fail": "fail", "not_interpretable": "warn"}
NOTED = {"no_kill", "little_kill", "no_protection"}  # see measurements/measure.py


def calls():
    for path in (path for path in sorted(SOURCE.rglob("*.py")) if path.name not in SENTENCES):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                yield path, node


def levels_of(node: ast.expr) -> tuple[str, ...]:
    """Return the levels an argument may be: a literal's, or every one of a choice; all where it is a variable."""
    if isinstance(node, ast.Constant):
        return (node.value,)
    if isinstance(node, ast.IfExp):
        return (*levels_of(node.body), *levels_of(node.orelse))
    return ()


def made(path: Path, level: ast.expr, check: ast.expr):
    """Yield (level, check) of one finding, whatever way its check is written."""
    match check:
        case ast.Constant(value=name):
            yield from ((each, name) for each in levels_of(level) or ("variable",))
        case ast.JoinedStr(values=[ast.Constant(value=stem), *_]):
            yield from ((each, stem + end) for end in FAMILIES[stem] for each in levels_of(level) or ("variable",))
        case _ if path.name not in PASSED_ON:
            yield from VARIABLES[path.name, ast.unparse(check)]


def doubted(call: ast.Call):
    """Yield (level, check) of the finding that a doubt of a value becomes."""
    if call.func.id == "Doubt" and isinstance(call.args[0], ast.Constant) and ast.unparse(call.args[1]) != "check":
        name = call.args[1].value if isinstance(call.args[1], ast.Constant) else "interference"
        yield "note" if name in NOTED else DOUBTS[call.args[0].value], name
    if call.func.id == "missing":
        name = call.args[1] if len(call.args) > 1 else ast.Constant("not_read")
        if isinstance(name, ast.Constant):
            yield "fail", name.value


def emitted():
    """Yield (where, level, check) of every finding the source can make."""
    for path, call in calls():
        where = f"{path.name}:{call.lineno}"
        if path.parent.name == "report":
            continue  # its findings are sentences
        if call.func.id in MAKERS and len(call.args) > max(MAKERS[call.func.id]):
            level, check = (call.args[place] for place in MAKERS[call.func.id])
            yield from ((where, *pair) for pair in made(path, level, check))
        yield from ((where, *pair) for pair in doubted(call))


def test_every_check_that_is_emitted_is_declared_at_its_level():
    found = list(emitted())
    assert len(found) > 90
    for where, level, name in found:
        assert name in CHECKS, f"{where}: {name} has no line in CHECKS"
        if level != "variable":
            assert CHECKS[name].at(level) is not None, f"{where}: {name} is declared at no level {level}"


def test_every_check_that_is_declared_is_emitted():
    names = {name for _, _, name in emitted()} | {"more_beads_than_added", "controls_disagree", "channel_missing"}
    assert set(CHECKS) - names == set()


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.name)
def test_every_check_says_what_it_means_and_makes_something_of_a_number(check: Check):
    assert check.meaning
    assert check.meaning[0].islower()
    made = {level: check.at(level) for level in LEVELS if check.at(level)}
    assert made
    assert made.get("note") != "excluded" or check.name == "excluded_by_hand", "no note excludes but a person's own"


def test_a_repair_that_warns_is_a_doubt_and_an_unknown_check_touches_nothing():
    assert consequence(Finding("warn", "repair_data_truncated", "")) == "doubtful"
    assert consequence(Finding("note", "repair_text_end_wrong", "")) == "kept"
    assert consequence(Finding("fail", "no_such_check", "")) == "kept"
    assert meaning("no_such_check") == "no such check"
