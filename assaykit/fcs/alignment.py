"""Alignment: TEXT that is out of step, parted into keywords and values at the least cost.

Form: `body, delimiter -> (Word, ...)`. Keywords and values alternate, and a doubled delimiter is a letter. Where a
writer leaves a delimiter undoubled, or a value empty, every word behind may be read in the other's place. Where the two
come back into step is a shortest path over the words (Viterbi 1967, 10.1109/TIT.1967.1054010): each fault has a cost, a
standard keyword read inside a value a high one, and the value of a keyword that has a grammar ends where it is whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from assaykit.fcs.grammar import Grammar, grammar, is_known, is_standard

Fault = str  # "undoubled", "empty", "opens", "stray", "missing" or "" for none
_PADDING = " \0\t\r\n"

# What each departure costs. Only their order matters: any fault of a vendor's words costs less than one of a standard
# keyword, and nothing is worth reading a standard keyword as part of a value.
_STANDARD_IN_VALUE = 400
_KNOWN_IN_VALUE = 80
_NOT_WHOLE = 60  # a value its keyword's grammar does not know: kept as written
_JOINED_VENDOR, _JOINED_STANDARD, _JOINED_GRAMMAR = 30, 95, 5  # a delimiter undoubled in a value
_OPENS_UNDOUBLED, _OPENS_DOUBLED = 35, 12
_STRAY, _MISSING = 20, 40
_DOUBLED_IN_KEYWORD = 25
_ODD_KEYWORD, _VENDOR_KEYWORD = 12, 1
_LONGEST_KEYWORD = 80
_MOST_PIECES = 500  # of one value with a grammar


class _Habit(NamedTuple):
    """What two delimiters in a row cost as the end of an empty value, and as a letter of a value.

    Most writers double; one that leaves values empty does so often, and seldom doubles as well.
    """

    empty: int
    doubled: int
    cost: int


_HABITS = (_Habit(empty=20, doubled=0, cost=0), _Habit(empty=2, doubled=20, cost=20))


@dataclass(frozen=True, slots=True)
class Word:
    """A keyword and its value as read, and how the two depart from the standard."""

    keyword: str
    value: str
    faults: frozenset[Fault]


class _State(NamedTuple):
    """Where the reading stands: before the piece of that number, which opens a keyword or lies in a value or one."""

    piece: int
    mode: int


_KEY, _VENDOR_VALUE, _STANDARD_VALUE, _KEY_GOES_ON, _END = range(5)


class _Step(NamedTuple):
    """One way on: what it costs, where it leads, the letters read, whether a keyword or value ends, and the fault."""

    cost: int
    to: _State
    key: str  # letters added to the keyword
    value: str  # letters added to the value
    fault: Fault = ""


def align_text(body: str, delimiter: str) -> tuple[Word, ...]:
    """Return the words of TEXT, from behind its first delimiter on, with the fewest and least faults."""
    pieces, runs = _pieces(body, delimiter)
    if not pieces:
        return ()
    inside = [
        _STANDARD_IN_VALUE if is_standard(piece) else _KNOWN_IN_VALUE if is_known(piece) else 0 for piece in pieces
    ]
    habits = _HABITS if max(runs) > 1 else _HABITS[:1]
    ways = (_cheapest(_Text(pieces, runs, inside, delimiter, habit)) for habit in habits)
    _, steps = min(ways, key=lambda way: way[0])
    return tuple(_words(steps))


def _cheapest(text: _Text) -> tuple[int, list[_Step]]:
    """Return the cost of the cheapest way through TEXT and its steps."""
    # 1. Forward: the least cost of every state, in the order of the pieces, and the step that led to it.
    least: dict[_State, int] = {_State(0, _KEY): text.habit.cost}
    came: dict[_State, tuple[_State, _Step]] = {}
    for piece in range(len(text.pieces)):
        for mode in (_KEY_GOES_ON, _KEY, _VENDOR_VALUE, _STANDARD_VALUE):
            state = _State(piece, mode)
            if state not in least:
                continue
            for step in text.steps(state):
                cost = least[state] + step.cost
                if cost < least.get(step.to, cost + 1):
                    least[step.to], came[step.to] = cost, (state, step)
    # 2. Backward: the steps of the cheapest way to the end.
    steps: list[_Step] = []
    state = _State(len(text.pieces), _END)
    total = least[state]
    while state in came:
        state, step = came[state]
        steps.append(step)
    return total, steps[::-1]


def _words(steps: Sequence[_Step]) -> Iterator[Word]:
    key, value, faults = "", "", set[Fault]()
    for step in steps:
        key, value = key + step.key, value + step.value
        faults |= {step.fault} - {""}
        if step.to.mode in {_KEY, _END}:
            yield Word(key, value, frozenset(faults))
            key, value, faults = "", "", set()


def _pieces(body: str, delimiter: str) -> tuple[list[str], list[int]]:
    """Return the texts between delimiters, none of them empty, and how many delimiters follow each."""
    parts = re.split(f"({re.escape(delimiter)}+)", body.lstrip(delimiter))
    pieces, runs = parts[::2], [len(run) for run in parts[1::2]] + [0]
    if len(pieces) > 1 and not pieces[-1].strip(_PADDING):  # padding behind the last delimiter
        pieces, runs = pieces[:-1], runs[:-1]
    return (pieces, runs) if any(pieces) else ([], [])


@dataclass(frozen=True, slots=True)
class _Text:
    """The pieces of TEXT, the run of delimiters behind each, and the ways to go on from any of them."""

    pieces: list[str]
    runs: list[int]
    inside: list[int]  # what it costs to read each piece as part of a value
    delimiter: str
    habit: _Habit

    def steps(self, state: _State) -> Iterator[_Step]:
        """Yield every way on from a state."""
        match state.mode:
            case 0 | 3:
                return self._from_keyword(state.piece, goes_on=state.mode == _KEY_GOES_ON)
            case _:
                return self._from_value(state.piece, state.mode)

    def _next(self, piece: int) -> _State:
        """Return the state in which the next keyword begins behind a piece, or TEXT ends."""
        return _State(piece + 1, _KEY if piece + 1 < len(self.pieces) else _END)

    def _from_keyword(self, piece: int, *, goes_on: bool) -> Iterator[_Step]:
        """Yield the ways on from a piece that is a keyword, or the rest of one that holds doubled delimiters."""
        word, run, mark = self.pieces[piece], self.runs[piece], self.delimiter
        standard = not goes_on and self.inside[piece] == _STANDARD_IN_VALUE
        known = self.inside[piece] > 0
        cost = self.inside[piece] if goes_on else 0 if known else _keyword_cost(word)
        behind = self._next(piece)
        if behind.mode == _END:
            lacking, fault = (self.habit.empty, "empty") if run > 1 else (_MISSING, "missing")
            yield _Step(cost + lacking, behind, word, "", fault)
            return
        inside = cost + self.inside[piece + 1]
        value = _State(piece + 1, _STANDARD_VALUE if standard else _VENDOR_VALUE)
        rule = grammar(word) if known and not goes_on else None
        if run == 1 and rule is not None:
            yield from (step._replace(cost=step.cost + cost, key=word) for step in self._whole(piece + 1, rule))
        elif run == 1:
            yield _Step(inside, value, word, "")
        elif run == 2:
            yield _Step(cost + self.habit.empty, behind, word, "", "empty")
            yield _Step(inside + _DOUBLED_IN_KEYWORD, _State(piece + 1, _KEY_GOES_ON), word + mark, "")
            yield _Step(inside + _OPENS_UNDOUBLED, value, word, mark, "undoubled")
        elif run % 2:
            yield _Step(inside + _OPENS_DOUBLED, value, word, mark * (run // 2), "opens")
            yield _Step(cost + self.habit.empty + _OPENS_DOUBLED, behind, word, mark * (run // 2), "opens")
        else:
            yield _Step(cost + _OPENS_DOUBLED, behind, word, mark * (run // 2 - 1), "opens")

    def _from_value(self, piece: int, mode: int) -> Iterator[_Step]:
        """Yield the ways on from a piece that lies in a value of free text."""
        word, run, mark = self.pieces[piece], self.runs[piece], self.delimiter
        behind = self._next(piece)
        if behind.mode == _END:
            yield _Step(0, behind, "", word)
            return
        joined = _JOINED_STANDARD if mode == _STANDARD_VALUE else _JOINED_VENDOR
        inside, on = self.inside[piece + 1], _State(piece + 1, mode)
        letters = word + mark * (run // 2)
        if run % 2:  # doubled delimiters, then the one that ends the value
            yield _Step(0, behind, "", letters)
            yield _Step(joined + inside, on, "", letters + mark, "undoubled")
        else:
            yield _Step(inside + self.habit.doubled, on, "", letters)
            yield _Step(_STRAY, behind, "", word + mark * (run // 2 - 1), "stray")

    def _whole(self, first: int, rule: Grammar) -> Iterator[_Step]:
        """Yield how a value with a grammar ends: where it is first whole, else as if it were free text."""
        text, cost, fault = "", self.inside[first], ""
        for piece in range(first, min(len(self.pieces), first + _MOST_PIECES)):
            text, run = text + self.pieces[piece], self.runs[piece]
            ends = text + self.delimiter * (run // 2 if run % 2 else max(0, run // 2 - 1))
            if rule(ends):
                yield _Step(cost + (0 if run % 2 or not run else _STRAY), self._next(piece), "", ends, fault)
                if run % 2 or not run:
                    return  # a value that is whole is never extended
            if piece + 1 == len(self.pieces) or self.inside[piece + 1] == _STANDARD_IN_VALUE:
                break
            text += self.delimiter * -(-run // 2)
            cost += self.habit.doubled * (run > 1)
            if run % 2:
                cost, fault = cost + _JOINED_GRAMMAR, "undoubled"
        yield _Step(self.inside[first] + _NOT_WHOLE, _State(first, _STANDARD_VALUE), "", "")


def _keyword_cost(word: str) -> int:
    """Return what it costs to read a piece as a keyword that is not known."""
    stripped = word.strip(_PADDING)
    odd = not stripped or stripped[0].isdigit() or len(stripped) > _LONGEST_KEYWORD
    return _ODD_KEYWORD if odd else _VENDOR_KEYWORD
