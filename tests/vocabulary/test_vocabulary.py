"""One word for one thing: every context, target and column of counts is said once, and a near miss finds its word."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import pytest

import assaykit
from assaykit import vocabulary
from assaykit.vocabulary import (
    CONTEXTS,
    COUNTED,
    FATES,
    QUADRANTS,
    STROMA_MEASURED,
    TARGETS,
    ContextName,
    has_stroma,
    nearest,
    nearest_target,
    target_from_text,
)

SOURCE = Path(assaykit.__file__).parent


def test_the_contexts_a_study_may_name_are_those_declared():
    assert get_args(ContextName) == tuple(CONTEXTS)


def test_conditioned_medium_is_compared_with_plain_medium_and_nothing_else_has_a_control_of_its_own():
    assert {name: context.control for name, context in CONTEXTS.items() if context.control} == {
        "msc_medium": "plain_medium"
    }


def test_stroma_is_in_three_contexts_and_its_cells_are_measured_in_one():
    assert [name for name in CONTEXTS if has_stroma(name)] == ["msc_contact", "msc_transwell", "msc_medium"]
    assert STROMA_MEASURED == ("msc_contact",)


def test_no_two_contexts_have_the_same_mark_or_words():
    for field in ("mark", "words", "noun", "label"):
        assert len({getattr(context, field) for context in CONTEXTS.values()}) == len(CONTEXTS), field


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("medium", "medium"),
        ("None", "medium"),
        ("random", "medium"),
        ("SDF-1", "cxcl12"),
        ("SDF-1α", "cxcl12"),
        ("CXCL12α", "cxcl12"),
        ("stroma", "msc"),
        ("both", "cxcl12_both"),
        ("CXCL12 both", "cxcl12_both"),
        ("cxcl12_both", "cxcl12_both"),
        ("Input", "input"),
        ("", ""),
        ("serum", ""),
    ],
)
def test_a_target_is_known_by_its_synonyms_in_any_spelling(written, target):
    assert target_from_text(written) == target


def test_no_synonym_means_two_targets():
    words = [word for name, target in TARGETS.items() for word in (name.replace("_", ""), *target.synonyms)]
    assert len(words) == len(set(words))


def test_the_two_sides_of_an_insert_differ_for_cxcl12_below_alone():
    ends = {name: target.cxcl12 for name, target in TARGETS.items()}
    assert ends == {
        "medium": (0, 0),
        "cxcl12": (0, 1),
        "cxcl12_both": (1, 1),
        "msc": None,
        "input": None,
    }


@pytest.mark.parametrize(
    ("word", "known", "near"),
    [
        ("mono ", CONTEXTS, "mono"),
        ("MSC_CONTACT", CONTEXTS, "msc_contact"),
        ("pe-a", ("FITC-A", "PE-A"), "PE-A"),
        ("nilotinib", ("imatinib", "plerixafor"), ""),  # 6 letters in order of 8 and 9: 2 * 6 / 17 = 0.71
        ("fom", ("fmo", "for"), "fmo"),
        ("anything", (), ""),
    ],
)
def test_the_nearest_word_is_like_it_or_is_not_named(word, known, near):
    assert nearest(word, known) == near


def test_a_word_shares_three_quarters_of_its_letters_with_the_one_suggested_for_it():
    assert nearest("abcx", ("abcy",)) == "abcy"  # 2 * 3 / 8 = 0.75
    assert nearest("abcxyz", ("abcdefg",)) == ""  # 2 * 3 / 13 = 0.46
    assert nearest("abcdefgxyz", ("abcdefgijk",)) == ""  # 2 * 7 / 20 = 0.70


def test_a_misspelt_target_is_answered_with_the_target_of_the_nearest_synonym():
    assert nearest_target("strma") == "msc"
    assert nearest_target("CXCL21") == "cxcl12"
    assert nearest_target("serum") == ""


def test_kinds_of_cells_are_columns_of_counts():
    assert set(QUADRANTS) | set(FATES) <= set(COUNTED)


def test_nobody_else_measures_likeness_or_lists_contexts():
    for path in sorted(SOURCE.rglob("*.py")):
        if path == Path(vocabulary.__file__):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert "difflib" not in names | modules, f"{path} measures likeness itself: vocabulary.nearest does"
        for node in ast.walk(tree):
            if isinstance(node, (ast.Tuple, ast.List, ast.Set, ast.Dict)):
                parts = node.keys if isinstance(node, ast.Dict) else node.elts
                words = {part.value for part in parts if isinstance(part, ast.Constant)}
                assert not {"msc_transwell", "msc_medium"} <= words, f"{path}:{node.lineno} lists contexts again"
