"""The worked example: the one source with numbers, reproduced."""

from __future__ import annotations

import pytest

from assaykit.evidence import compare_size, worked_example
from assaykit.evidence.zhang2007 import PRINTED
from assaykit.tables import ESTIMATES, frame_from_rows

# The evidence notes' derivation from the abstract's means, one or two decimals.
DERIVED = {
    ("CD34+CD38-", "imatinib"): (17.8, 0.7, 0.96),
    ("CD34+CD38-", "nilotinib"): (10.1, -0.2, 1.02),
    ("CD34+CD38-", "dasatinib"): (4.5, -0.4, 1.09),
    ("CD34+CD38+", "imatinib"): (8.6, 3.5, 0.59),
    ("CD34+CD38+", "nilotinib"): (6.2, 1.1, 0.82),
    ("CD34+CD38+", "dasatinib"): (3.9, 0.0, 1.0),
}


@pytest.mark.parametrize("key", sorted(DERIVED), ids=" ".join)
def test_specific_apoptosis_and_protection_follow_from_the_printed_means(key):
    row = worked_example().set_index(["population", "drug"]).loc[key]
    mono, stroma, spi = DERIVED[key]
    assert row["specific_mono"] == pytest.approx(mono, abs=0.05)
    assert row["specific_stroma"] == pytest.approx(stroma, abs=0.05)
    assert row["spi"] == pytest.approx(spi, abs=0.005)


def test_the_table_holds_what_the_abstract_prints_and_no_interval():
    table = worked_example()
    assert len(table) == 8
    assert PRINTED["CD34+CD38-"]["imatinib"][0].plus_minus == 6.0
    assert not [name for name in table.columns if "low" in name or "high" in name]


def test_protection_above_one_is_kept_and_not_clipped():
    assert worked_example()["spi"].max() > 1


def test_a_labs_protection_stands_beside_the_sources_drug_by_drug():
    row = {
        "endpoint": "spi", "kind": "level", "treatment": "imatinib 1 uM", "context": "msc_contact", "scale": "identity",
        "estimate": 0.62, "conf_low": 0.5, "conf_high": 0.74,
    }  # fmt: skip
    table = compare_size(frame_from_rows([row], ESTIMATES))
    assert list(table["population"]) == ["CD34+CD38-", "CD34+CD38+"]
    assert list(table["covers"]) == [False, True]  # 0.96 outside, 0.59 inside
    assert compare_size(frame_from_rows([], ESTIMATES)).empty
