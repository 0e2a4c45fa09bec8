"""What the page lists beyond contrasts: IC50s, synergy, and the answer with and without what failed."""

from __future__ import annotations

import pandas as pd

from assaykit.report.answers import dose_listings, excluded_listing, size_listing
from assaykit.tables import DOSE_RESPONSE, ESTIMATES, SYNERGY, frame_from_rows

CURVE = {
    "assay": "a", "curve": "c", "endpoint": "y", "drug": "imatinib", "context": "mono", "dose_unit": "uM",
    "units_ic50": 0.5, "units_low": 0.4, "units_high": 0.6, "n_units": 4, "plateau": "reached",
}  # fmt: skip
UNREACHED = {"units_ic50": None, "units_low": None, "units_high": None, "plateau": "not reached", "reason": "too few"}
PAIR = {
    "assay": "a", "synergy": "s", "endpoint": "y", "model": "bliss", "context": "mono", "first": "imatinib",
    "second": "simvastatin", "excess": 0.12, "conf_low": 0.05, "conf_high": 0.19, "p_value": 0.01, "n_units": 4,
}  # fmt: skip


def test_an_ic50_stands_with_its_interval_and_a_missing_one_with_its_reason():
    rows = [CURVE, CURVE | {"context": "msc_contact"} | UNREACHED, CURVE | {"unit_id": "day 1"}]
    (listing,) = dose_listings({"dose_response": frame_from_rows(rows, DOSE_RESPONSE)})
    assert [row[2] for row in listing.rows] == ["0.50 (0.40 to 0.60) µM", "–"], "units' own curves stay in the table"
    assert listing.rows[1][-1] == "too few"


def test_synergy_is_listed_over_pairs_and_units():
    rows = [PAIR, PAIR | {"first_dose": 1.0, "second_dose": 5.0}, PAIR | {"unit_id": "day 1"}]
    (listing,) = dose_listings({"synergy": frame_from_rows(rows, SYNERGY)})
    assert [row[3] for row in listing.rows] == ["0.12 (0.050 to 0.19)"]


def test_a_run_without_doses_lists_none():
    assert dose_listings({}) == []
    assert dose_listings({"dose_response": frame_from_rows([], DOSE_RESPONSE)}) == []


def estimates(**effects: float) -> pd.DataFrame:
    rows = [
        {"assay": "a", "analysis": "apoptosis", "contrast": f"{drug} - vehicle", "context": "mono", "kind": "treatment",
         "treatment": drug, "comparator": "vehicle", "estimate": value, "effect": value, "n_units": 5}
        for drug, value in effects.items()
    ]  # fmt: skip
    return frame_from_rows(rows, ESTIMATES)


def test_only_contrasts_that_exclusions_change_are_shown_both_ways():
    both = {
        "estimates": estimates(imatinib=2.0, dasatinib=3.0),
        "estimates_with_excluded": estimates(imatinib=2.0, dasatinib=1.5),
    }
    listing = excluded_listing(both)
    assert listing is not None
    ((_, contrast, kept, _, everything, _),) = listing.rows
    assert "dasatinib" in contrast
    assert (kept, everything) == ("3.00", "1.50")
    assert excluded_listing({"estimates": both["estimates"]}) is None


def test_stromal_protection_stands_beside_the_numbers_of_its_source():
    sizes = pd.DataFrame([{"treatment": "imatinib 1 uM", "population": "CD34+38-", "spi": 0.6, "spi_low": 0.4,
                           "spi_high": 0.8, "spi_source": 0.96, "covers": False}])  # fmt: skip
    listing = size_listing({"sizes": sizes})
    assert listing is not None
    assert listing.rows == (("imatinib 1 µM", "0.60 (0.40 to 0.80)", "CD34+38-", "0.96", "no"),)
    assert size_listing({}) is None
