"""Damaged files of known values: read right, read with a warning, or refused in one sentence; never silently wrong."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from fcs.damages import DAMAGES
from fcs.outcomes import outcome_of

# Integers of 16 bits that fill their range, in the other order of bytes: some look as good either way round.
MAY_LOOK_RIGHT = {"$BYTEORD wrong or short": 0.03}


@pytest.mark.parametrize("name", DAMAGES)
def test_no_damage_gives_a_number_that_is_silently_wrong(tmp_path, name):
    path, seen = tmp_path / "case.fcs", Counter()
    for case in range(60):
        raw, rows = DAMAGES[name](random.Random(f"{name} {case}"))
        path.write_bytes(raw)
        outcome, told = outcome_of(path, rows)
        assert outcome not in {"lost", "unclear"}, (case, told)
        seen[outcome] += 1
    assert seen["wrong"] <= 60 * MAY_LOOK_RIGHT.get(name, 0.0), seen


@pytest.mark.parametrize("name", [name for name in DAMAGES if "vendor" in name or "words" in name or "empty" in name])
def test_damage_to_words_no_value_rests_on_leaves_every_value_right(tmp_path, name):
    path = tmp_path / "case.fcs"
    for case in range(60):
        raw, rows = DAMAGES[name](random.Random(f"{name} {case}"))
        path.write_bytes(raw)
        assert outcome_of(path, rows)[0] == "right", case
