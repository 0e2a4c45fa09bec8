"""Lab words for what a query asks: arms, contexts and cells, as a biologist would say them."""

from __future__ import annotations

from collections.abc import Sequence

from assaykit.vocabulary import CONTEXTS

CLASSES = {
    "tki": "a TKI",
    "cxcr4_antagonist": "a CXCR4 antagonist",
    "statin": "a statin",
    "cytokine": "a cytokine",
    "src_inhibitor": "a Src or Lyn inhibitor",
    "cholesterol_depletion": "a cholesterol-depleting agent",
}


def arm(slots: Sequence[str], reference: str = "vehicle") -> str:
    """Return the arm in words.

    >>> arm(["imatinib", "class:statin"])
    'imatinib with a statin'
    """
    names = [_slot(slot) for slot in slots]
    return " with ".join(names) if names else reference


def context(name: str) -> str:
    """Return a context in words; a name of a lab's own stands for itself."""
    return CONTEXTS[name].noun if name in CONTEXTS else name


def listed(words: Sequence[str], last: str = "or") -> str:
    """Return words joined as in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b or c'
    """
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def _slot(slot: str) -> str:
    if not slot.startswith("class:"):
        return slot
    name = slot.removeprefix("class:")
    return CLASSES.get(name, f"a drug of class {name}")
