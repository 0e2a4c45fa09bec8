"""`assaykit fit` and `assaykit stats counts`: one answer, and no option that is passed over or swapped."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from assaykit.cli.fit import fit
from assaykit.cli.stats import app as stats_app
from assaykit.errors import DesignError

FIT = typer.Typer()
FIT.command()(fit)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        [
            {"exp": e, "drug": d, "n": 80, "w": 1.0 + w, "dead": rng.binomial(80, 0.2 + 0.02 * k + 0.2 * (d == "drug"))}
            for k, e in enumerate("ABCD")
            for d in ("vehicle", "drug")
            for w in range(2)
        ]
    )
    path = tmp_path_factory.mktemp("fit") / "table.csv"
    frame.to_csv(path, index=False)
    return path


def invoked(app, *arguments):
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


COMMON = ("--unit", "exp", "--formula", "dead ~ drug", "--levels", "drug=vehicle,drug")
COUNTS = ("--family", "binomial", "--trials", "n")


@pytest.mark.parametrize(
    "more", [(), ("--adjust", "bh"), ("--model", "glmm"), ("--model", "glmm", "--bootstrap", "99")]
)
def test_both_commands_give_one_answer_with_the_same_tables(table, tmp_path, more):
    texts = [
        invoked(FIT, table, *COMMON, *COUNTS, *more, "-o", tmp_path / "out"),
        invoked(stats_app, "counts", table, *COMMON, *COUNTS, *more, "-o", tmp_path / "out"),
    ]
    assert texts[0] == texts[1]


def test_counts_are_answered_unit_by_unit_and_the_model_stands_beside(table):
    text = invoked(FIT, table, *COMMON, *COUNTS)
    answer, beside = (text.index(title) for title in ("Each level against the first", "by the mixed model"))
    assert answer < beside
    assert "unit-level t" in text[answer:beside]


VALUES = ("--unit", "exp", "--formula", "log2(dead) ~ drug", "--levels", "drug=vehicle,drug")
DEAD = (*COMMON, *COUNTS)
INAPPLICABLE = [
    *product([DEAD], [("--weights", "w"), ("--df", "kr"), ("--show-pseudoreplication",)], [(), ("--model", "glmm")]),
    *product([DEAD], [("--adjust", "dunnett"), ("--bootstrap", "99"), ("--seed", "3"), ("--model", "lmm")], [()]),
    *product([(*COMMON, *COUNTS, "--model", "glmm")], [("--seed", "3")], [()]),
    *product([(*COMMON, *COUNTS, "--model", "glmm")], [("--adjust", "dunnett")], [("--bootstrap", "99")]),
    *product([(*COMMON, "--family", "poisson")], [("--trials", "n")], [(), ("--model", "glmm")]),
    *product([VALUES], [("--trials", "n"), ("--bootstrap", "99"), ("--seed", "3"), ("--model", "glmm")], [()]),
    *product([VALUES], [("--weights", "w"), ("--df", "kr"), ("--adjust", "dunnett")], [()]),
    *product([(*VALUES, "--model", "lmm")], [("--trials", "n"), ("--bootstrap", "99"), ("--seed", "3")], [()]),
]  # fmt: skip


@pytest.mark.parametrize(("base", "option", "more"), INAPPLICABLE, ids=" ".join)
def test_an_option_that_does_not_apply_is_an_error_that_says_what_to_do(table, base, option, more):
    with pytest.raises(DesignError) as refused:
        invoked(FIT, table, *base, *option, *more)
    error = refused.value
    named = option[0] if option[0] != "--adjust" else "dunnett"
    assert named.lstrip("-") in str(error).replace("--", "")
    assert error.remedy or option[0] == "--model"


APPLICABLE = [
    (*VALUES, *adjust, *wrong) for adjust, wrong in product(
        [("--adjust", name) for name in ("holm", "bh", "bonferroni", "none")], [(), ("--show-pseudoreplication",)]
    )
] + [
    (*VALUES, "--model", "lmm", *df, *weights, *adjust) for df, weights, adjust in product(
        [(), ("--df", "satterthwaite")], [(), ("--weights", "w")], [("--adjust", "holm"), ("--adjust", "dunnett")]
    )
] + [
    (*COMMON, *COUNTS, *rest) for rest in (
        ("--model", "glmm", "--adjust", "dunnett"),
        ("--model", "glmm", "--bootstrap", "99", "--seed", "3", "--adjust", "bh"),
    )
]  # fmt: skip


@pytest.mark.parametrize("options", APPLICABLE, ids=lambda parts: " ".join(parts[6:]))
def test_an_option_that_applies_is_seen_in_the_answer(table, options, tmp_path):
    text = invoked(FIT, table, *options, "-o", tmp_path)
    found = pd.read_csv(tmp_path / "contrasts.csv")
    assert ("p_adjusted" in found) == ("none" not in options)
    assert ("simultaneous_low" in found) == ("dunnett" in options)
    assert ("WRONG" in text) == ("--show-pseudoreplication" in options)
    assert ("satterthwaite" in text) == ("satterthwaite" in options)
    assert ("99 draws" in text) == ("99" in options)


def test_weights_move_the_pooled_model(table, tmp_path):
    plain, weighted = (invoked(FIT, table, *VALUES, "--model", "lmm", *more) for more in ((), ("--weights", "w")))
    assert plain != weighted
