"""Model formulas in the notation of R and lme4: text -> `Formula`, and expressions -> columns.

`log2(y) ~ drug * stroma + (1 | experiment / plate)`: a response, fixed terms made of variables, and random terms.
A term is a tuple of variables; () is the intercept. A variable is a column, `a name in backticks`, or an expression
of columns such as log2(x), I(x**2), factor(day).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from assaykit.errors import DesignError

Term = tuple[str, ...]
LONGEST = 2_000  # characters
MOST_TERMS = 256  # of a product; eight factors crossed have as many


@dataclass(frozen=True, slots=True)
class RandomTerm:
    """Effects that vary between the levels of a group: (1 + dose | donor), correlated unless written with ||."""

    effects: tuple[Term, ...]
    group: Term


@dataclass(frozen=True, slots=True)
class Formula:
    """A parsed formula; fixed terms are ordered by their number of variables, as R orders them."""

    response: str
    fixed: tuple[Term, ...]
    random: tuple[RandomTerm, ...]
    text: str

    @property
    def variables(self) -> tuple[str, ...]:
        """Every expression the formula names, the response first."""
        named = [v for term in self.fixed for v in term]
        named += [v for part in self.random for term in (*part.effects, part.group) for v in term]
        return (self.response, *dict.fromkeys(named))


def parse_formula(text: str) -> Formula:
    """Return the parsed formula; raises DesignError where it cannot be read.

    >>> parse_formula("y ~ a*b + (1 | g/h)").fixed
    ((), ('a',), ('b',), ('a', 'b'))
    """
    if len(text) > LONGEST:
        raise DesignError(f"a formula must have at most {LONGEST:,} characters", f"{len(text):,}", text[:60] + " ...")
    left, tilde, right = text.partition("~")
    if not tilde or not left.strip() or not right.strip():
        raise DesignError(
            "a formula must read 'response ~ terms'", repr(text), remedy="write e.g. 'y ~ drug + (1 | donor)'"
        )
    fixed: list[Term] = [()]
    random: list[RandomTerm] = []
    for sign, part in _split(right, "+-", text):
        bar = _inside_bars(part)
        if bar:
            random += _random_terms(bar, text)
            continue
        terms = _expanded(part, text)
        fixed = [t for t in fixed if t not in terms] if sign == "-" else fixed + [t for t in terms if t not in fixed]
        if part.strip() == "0":
            fixed = [t for t in fixed if t]
    return Formula(left.strip(), tuple(sorted(fixed, key=len)), tuple(random), text.strip())


def evaluate(expression: str, frame: pd.DataFrame) -> pd.Series:
    """Return the expression's values, row by row: a column as it is, or arithmetic and functions of columns."""
    name = expression.strip()
    if name in frame.columns:
        return frame[name]
    if name.startswith("`") and name.endswith("`") and name[1:-1] in frame.columns:
        return frame[name[1:-1]]
    quoted: dict[str, str] = {}
    plain = re.sub(r"`([^`]+)`", lambda m: quoted.setdefault(m[1], f"quoted_{len(quoted)}"), name)
    try:
        tree = ast.parse(plain, mode="eval").body
        columns = {alias: column for column, alias in quoted.items()}
        return pd.Series(_value(tree, frame, columns), index=frame.index, name=expression)
    except (SyntaxError, RecursionError, MemoryError) as error:  # the last two: brackets or signs without end
        raise _unreadable(expression) from error
    except (ArithmeticError, TypeError) as error:
        raise DesignError("a variable of a formula must be computable", str(error), repr(expression)) from error


def _random_terms(bar: str, text: str) -> list[RandomTerm]:
    effects_text, bars, group_text = re.split(r"(\|\|?)", bar, maxsplit=1)
    effects: list[Term] = [()]
    for sign, part in _split(effects_text, "+-", text):
        terms = _expanded(part, text)
        drop = part.strip() == "0" or sign == "-"
        effects = [t for t in effects if t] if drop else effects + [t for t in terms if t not in effects]
    groups = _expanded(group_text, text)
    if not effects or () in groups:
        raise DesignError("a random term must read '(effects | group)'", repr(f"({bar})"), repr(text))
    sets = [(effect,) for effect in effects] if bars == "||" else [tuple(sorted(effects, key=len))]
    return [RandomTerm(one, group) for group in groups for one in sets]


def _expanded(part: str, text: str) -> list[Term]:
    """Return the terms a product stands for: a*b is a + b + a:b, a/b is a + a:b."""
    part = part.strip()
    if part in {"1", "0"}:
        return [()] if part == "1" else []
    pieces = _split(part, "*/", text)
    if len(pieces) > 1:
        terms = _expanded(pieces[0][1], text)
        for sign, piece in pieces[1:]:
            right = _expanded(piece, text)
            first = [tuple(dict.fromkeys(v for term in terms for v in term))] if sign == "/" else terms
            crossed = [_joined(a, b) for a in first for b in right]
            terms = list(dict.fromkeys([*terms, *(right if sign == "*" else ()), *crossed]))
            if len(terms) > MOST_TERMS:
                remedy = "name the interactions you ask about: a + b + a:b"
                raise DesignError(f"a formula must have at most {MOST_TERMS} terms", "more", repr(text), remedy)
        return terms
    pieces = _split(part, ":", text)
    if len(pieces) > 1:
        terms = _expanded(pieces[0][1], text)
        for _, piece in pieces[1:]:
            terms = [_joined(a, b) for a in terms for b in _expanded(piece, text)]
        return terms
    if part.startswith("(") and part.endswith(")"):
        return list(dict.fromkeys(t for _, inner in _split(part[1:-1], "+", text) for t in _expanded(inner, text)))
    if not part:
        raise DesignError("a formula must have a term on both sides of every sign", repr(text))
    return [(part,)]


def _joined(a: Term, b: Term) -> Term:
    return tuple(dict.fromkeys((*a, *b)))


def _split(text: str, signs: str, whole: str) -> list[tuple[str, str]]:
    """Return (sign before it, part) for each part between signs that stand outside brackets and backticks."""
    parts, depth, quoted, sign, start = [], 0, False, "+", 0
    for i, letter in enumerate(text):
        quoted ^= letter == "`"
        depth += 0 if quoted else (letter == "(") - (letter == ")")
        power = letter == "*" and "**" in (text[i : i + 2], text[i - 1 : i + 1])
        if depth == 0 and not quoted and letter in signs and not power:
            if text[start:i].strip():
                parts.append((sign, text[start:i].strip()))
            elif parts:
                raise DesignError("a formula must have a term between two signs", repr(whole))
            sign, start = letter, i + 1
    if depth or quoted or not text[start:].strip():
        raise DesignError("a formula must close its brackets and end with a term", repr(whole))
    return [*parts, (sign, text[start:].strip())]


def _inside_bars(part: str) -> str:
    part = part.strip()
    inside = part[1:-1] if part.startswith("(") and part.endswith(")") else ""
    return inside if "|" in inside else ""


def _unreadable(expression: str) -> DesignError:
    return DesignError(
        "a variable of a formula must be a column or arithmetic of columns",
        repr(expression),
        remedy="put a column name with spaces in backticks, and arithmetic in I(...)",
    )


def _value(node: ast.expr, frame: pd.DataFrame, quoted: Mapping[str, str]) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)  # of whole numbers 9**9**9 would be computed for ever
        case ast.Name(id=name):
            column = quoted.get(name, name)
            if column not in frame.columns:
                raise DesignError(
                    "every variable of a formula must be a column", repr(column), remedy=f"columns: {list(frame)}"
                )
            return frame[column]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, frame, quoted)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, frame, quoted), _value(right, frame, quoted))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _FUNCTIONS:
            with np.errstate(divide="ignore", invalid="ignore"):
                return _FUNCTIONS[name](_value(argument, frame, quoted))
    raise _unreadable(ast.unparse(node))


def _factor(values: pd.Series) -> pd.Series:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values
    levels = sorted(values.dropna().unique())
    texts = [f"{level:g}" if isinstance(level, float) else str(level) for level in levels]
    return values.map(dict(zip(levels, texts, strict=True))).astype(pd.CategoricalDtype(texts))


_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "logit": lambda p: np.log(p / (1 - p)),
    "I": lambda x: x,
    "factor": _factor,
    "C": _factor,
}
