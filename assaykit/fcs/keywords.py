"""`Keywords`: the TEXT of one data set as a read-only mapping, verbatim, found whatever the case of the letters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Keywords(Mapping[str, str]):
    """Keyword -> value, as written in the file. FCS keywords are not case sensitive (FCS 3.1, 3.2.20), nor is this.

    >>> words = Keywords({"$TOT": "3", "Spill": "2,A,B,1,0,0,1"})
    >>> words["$tot"], "SPILL" in words, list(words)
    ('3', True, ['$TOT', 'Spill'])
    """

    __slots__ = ("_upper", "_words")

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = dict(words)
        self._upper = {key.upper(): key for key in reversed(self._words)}

    def __getitem__(self, key: str) -> str:
        if key in self._words:
            return self._words[key]
        return self._words[self._upper[key.upper()]]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and (key in self._words or key.upper() in self._upper)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a keyword whatever its case, `default` where it is absent."""
        found = self._words.get(key)
        if found is None:
            found = self._words.get(self._upper.get(key.upper(), ""))
        return default if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)

    def __repr__(self) -> str:
        return f"Keywords({self._words!r})"
