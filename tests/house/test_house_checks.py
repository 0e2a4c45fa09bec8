"""Every check has its home: what is emitted anywhere is declared in CHECKS, at the level it is emitted at."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import assaykit
from assaykit.checks import CHECKS, Check, consequence, meaning
from assaykit.endpoints import CRITERIA
from assaykit.tables import Finding

SOURCE = Path(assaykit.__file__).parent
LEVELS = ("note", "warn", "fail")
MAKERS = {"Finding": (0, 1), "finding": (1, 2), "_located": (0, 1)}  # function -> place of level and of check
FAMILIES = {"detector_": ("voltage", "gain"), "excluded_": ("time", "margin"), "repair_": ()}
VARIABLES = {  # names that stand for a check, or for its level, and what they may be
    ("measure.py", "check"): {("fail", "file_unreadable"), ("fail", "well_unusable"), ("fail", "file_missing"),
                              ("warn", "few_cells"), ("fail", "few_cells"), ("warn", "few_beads"), ("fail", "few_beads")},
    ("curves.py", "check"): {("warn", "plateau_not_reached"), ("warn", "curve_not_fitted")},
    ("confounding.py", "check"): {("warn", name) for name in ("confounded", "arms_apart", "arms_partly_apart")},
    ("acceptance.py", "row.check"): {(level, name) for level in ("warn", "fail") for name in CRITERIA},
    ("uncompensated.py", "CHECK"): {("note", "uncompensated")},
}  # fmt: skip
DOUBTS = {"pass": "", "warn": "warn", "fail": "fail", "not_interpretable": "warn"}
NOTED = {"no_kill", "little_kill", "no_protection"}  # see endpoints/measure.py


def calls():
    for path in sorted(SOURCE.rglob("*.py")):
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


def emitted():
    """Yield (where, level, check) of every finding the source can make."""
    for path, call in calls():
        where = f"{path.name}:{call.lineno}"
        if call.func.id in MAKERS and len(call.args) > max(MAKERS[call.func.id]):
            level, check = (call.args[place] for place in MAKERS[call.func.id])
            match check:
                case ast.Constant(value=name):
                    for each in levels_of(level) or ("variable",):
                        yield where, each, name
                case ast.JoinedStr(values=[ast.Constant(value=stem), *_]):
                    for end in FAMILIES[stem]:
                        yield where, *levels_of(level), stem + end
                case _:
                    text = ast.unparse(check)
                    if text in {"check", "row.check"} and (path.name, text) not in VARIABLES:
                        assert path.name in {"measure.py", "estimated.py", "sisters.py"}, f"{where}: {text}"
                        continue
                    for each, name in VARIABLES[path.name, text]:
                        yield where, each, name
        elif call.func.id == "Doubt" and isinstance(call.args[0], ast.Constant):
            if ast.unparse(call.args[1]) == "check":
                continue  # `missing`, whose callers are asked below
            name = call.args[1].value if isinstance(call.args[1], ast.Constant) else "interference"
            yield where, "note" if name in NOTED else DOUBTS[call.args[0].value], name
        elif call.func.id == "missing":
            name = call.args[1] if len(call.args) > 1 else ast.Constant("not_read")
            if isinstance(name, ast.Constant):
                yield where, "fail", name.value


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
    assert made.get("note", "kept") in {"kept", "doubtful", "not_interpretable"}, "a note excludes nothing"


def test_a_repair_that_warns_is_a_doubt_and_an_unknown_check_touches_nothing():
    assert consequence(Finding("warn", "repair_data_truncated", "")) == "doubtful"
    assert consequence(Finding("note", "repair_text_end_wrong", "")) == "kept"
    assert consequence(Finding("fail", "no_such_check", "")) == "kept"
    assert meaning("no_such_check") == "no such check"
