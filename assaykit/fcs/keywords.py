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

    __slots__ = ("_folded", "_words")

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = dict(words)
        self._folded: dict[str, str] | None = None

    @property
    def folded(self) -> dict[str, str]:
        """The values under their keywords in capitals; of keywords that differ in case alone the first."""
        if self._folded is None:
            self._folded = {key.upper(): value for key, value in reversed(self._words.items())}
        return self._folded

    def __getitem__(self, key: str) -> str:
        found = self._words.get(key)
        return self.folded[key.upper()] if found is None else found

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and (key in self._words or key.upper() in self.folded)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a keyword whatever its case, `default` where it is absent."""
        found = self._words.get(key)
        return self.folded.get(key.upper(), default) if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)

    def __reduce__(self) -> tuple[type[Keywords], tuple[dict[str, str]]]:
        return Keywords, (self._words,)

    def __repr__(self) -> str:
        return f"Keywords({self._words!r})"
