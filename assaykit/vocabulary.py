"""The words of a study, each once: contexts, roles, transwell targets, columns of counts; and the nearest known word.

text as written -> the word it means, or the nearest known word for the message that refuses it
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, get_args

LIKENESS = 0.75
"""Least share of letters (difflib's ratio) that a word has in common with the one suggested for it.

Two drugs must not be taken for each other: nilotinib and imatinib have 0.71.
"""

ContextName = Literal["mono", "msc_contact", "msc_transwell", "msc_medium", "plain_medium"]
Role = Literal["sample", "fmo", "isotype", "unstained", "single_stain", "dead", "beads", "blank"]
ROLES: tuple[Role, ...] = get_args(Role)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word most like `word`, whatever the case of either; "" where none is like it.

    >>> nearest("treatmnt", ("treatment", "context")), nearest("pe-a", ("PE-A", "FITC-A")), nearest("x", ("treatment",))
    ('treatment', 'PE-A', '')
    """
    folded: dict[str, str] = {}
    for name in known:
        folded.setdefault(name.casefold(), name)
    # Letters typed in another order come first: difflib finds little in common in a short word such as "fom" for "fmo"
    swapped = [name for name in folded if sorted(name) == sorted(word.casefold())]
    match = swapped or get_close_matches(word.casefold(), folded, n=1, cutoff=LIKENESS)
    return folded[match[0]] if match else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What cells are cultured with.

    `words` say it of cells in a figure, `noun` within a sentence, `label` where there is little room, `mark` in one
    letter. `control` is the context it is compared with where that is not the study's reference context.
    """

    words: str
    noun: str
    label: str
    mark: str
    stroma: bool = True  # stromal cells, or what they secreted
    stromal_cells: bool = False  # stromal cells among the cells that are measured
    control: str = ""


CONTEXTS: dict[str, Context] = {
    "mono": Context(words="cells alone", noun="culture without MSC", label="alone", mark=" ", stroma=False),
    "msc_contact": Context(
        words="with MSC in contact", noun="contact with MSC", label="MSC contact", mark="c", stromal_cells=True
    ),
    "msc_transwell": Context(
        words="with MSC across a membrane",
        noun="co-culture with MSC across a membrane",
        label="MSC across membrane",
        mark="t",
    ),
    "msc_medium": Context(
        words="in MSC medium",
        noun="MSC-conditioned medium",
        label="MSC medium",
        mark="m",
        control="plain_medium",  # conditioned medium is old medium: its own control is the medium without cells
    ),
    "plain_medium": Context(
        words="in plain medium", noun="plain medium", label="plain medium", mark="p", stroma=False
    ),
}  # fmt: skip

STROMA_MEASURED = tuple(name for name, context in CONTEXTS.items() if context.stromal_cells)
"""Contexts in which stromal cells are among the cells that are measured."""


def has_stroma(context: str) -> bool:
    """Whether stromal cells, or what they secreted, are in a context; no for a word that is no context.

    >>> has_stroma("msc_medium"), has_stroma("plain_medium"), has_stroma("")
    (True, False, False)
    """
    return context in CONTEXTS and CONTEXTS[context].stroma


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What stands below the membrane of a transwell insert.

    `cxcl12` is CXCL12 above and below the membrane, in units of the concentration used; None where it is not known.
    """

    words: str
    synonyms: tuple[str, ...] = ()
    cxcl12: tuple[float, float] | None = None


TARGETS: dict[str, Target] = {
    "medium": Target(words="medium", synonyms=("none", "no", "random"), cxcl12=(0.0, 0.0)),
    "cxcl12": Target(words="CXCL12", synonyms=("sdf1", "sdf1a", "cxcl12a"), cxcl12=(0.0, 1.0)),
    "msc": Target(words="MSC", synonyms=("stroma",)),
    "cxcl12_both": Target(words="CXCL12 on both sides", synonyms=("both",), cxcl12=(1.0, 1.0)),
    "input": Target(words="cells put straight into the lower well"),
}
_TARGETS = {
    written: name for name, target in TARGETS.items() for written in (name.replace("_", ""), *target.synonyms)
}  # letters and digits alone -> target


def target_from_text(written: str) -> str:
    """Return the transwell target a text means, in any case and spelling of hyphens; "" where it means none.

    >>> target_from_text("SDF-1α"), target_from_text("CXCL12 both"), target_from_text("serum")
    ('cxcl12', 'cxcl12_both', '')
    """
    return _TARGETS.get(_letters(written), "")


def nearest_target(written: str) -> str:
    """Return the target most like a text that means none, or "".

    >>> nearest_target("CXCL21")
    'cxcl12'
    """
    return _TARGETS.get(nearest(_letters(written), _TARGETS), "")


def _letters(written: str) -> str:
    return "".join(letter for letter in written.lower().replace("α", "a") if letter.isalnum())


COUNTED = (
    "count", "migrated", "input", "adherent", "floating", "recovered", "viable", "dead", "early", "late", "necrotic",
    "apoptotic", "total",
)  # fmt: skip
"""Columns that hold cells, of the whole well unless the columns of a chamber stand beside them."""
CHAMBER = ("squares", "dilution", "volume")
"""Columns that say how cells were counted in a chamber."""
MEASURED = (
    "beads_added", "sample_volume", "volume_ul", "input_cells", "input_viability", "seeded", "viability",
    "cells_concentration", "cxcl12_top", "cxcl12_bottom", "dilution",
)  # fmt: skip
"""Columns that hold a number which is no count of what was found in the well."""
SIGNAL = "signal"
"""The column of a plate reader's signal; below zero where the blank was taken off already."""
QUADRANTS = ("early", "late", "viable", "necrotic")
"""Kinds of cells that annexin V and a dye of dead cells part; together they are all cells."""
FATES = ("viable", "early", "late", "apoptotic", "necrotic", "dead")
"""Kinds of living and dying cells, some of them parts of others."""


def is_count(name: str) -> bool:
    """Whether a column holds what was read from a well: cells counted, or a plate reader's signal.

    >>> is_count("migrated"), is_count("cml_count"), is_count("time")
    (True, True, False)
    """
    return name in (*COUNTED, SIGNAL) or name.endswith("_count")
