"""Gates beside what they may keep, sister wells and sister plates."""

from __future__ import annotations

import pandas as pd
import pytest

from assaykit.cytometry import check_shares, check_sister_plates, check_sister_shares
from assaykit.plate.model import Plate, Well
from assaykit.protocol.gates import ThresholdGate
from assaykit.protocol.model import Protocol
from assaykit.study.model import Assay, ResolvedPlate

ASSAY = Assay(
    "annexin",
    Protocol.model_validate(
        {
            "name": "annexin",
            "title": "Death",
            "gate": [
                {"kind": "debris", "name": "cells"},
                {
                    "kind": "valley",
                    "name": "annexin_negative",
                    "parent": "cells",
                    "channel": "annexin",
                    "side": "below",
                },
            ],
        }
    ),
)


def plate_of(*wells: str) -> Plate:
    return Plate("P1", 8, 12, tuple(Well(name, "sample", {}) for name in wells))


def shares(plate: str = "P1", **kept: int) -> pd.DataFrame:
    """Return POPULATIONS of wells with 1,000 events each, of which `kept` are cells."""
    rows = []
    for well, cells in kept.items():
        rows.append(("annexin", plate, well, "all", "", 1000, 1.0))
        rows.append(("annexin", plate, well, "cells", "all", cells, cells / 1000))
    return pd.DataFrame(rows, columns=["assay", "plate", "well", "population", "parent", "events", "fraction"])


@pytest.mark.parametrize(("kept", "level"), [(199, "fail"), (200, None), (1000, None)])
def test_a_debris_gate_that_keeps_less_than_a_fifth_fails_the_plate(kept, level):
    found = check_shares(ASSAY, plate_of("A1"), shares(A1=kept))
    assert [(f.level, f.check, f.population) for f in found] == (
        [(level, "gate_implausible", "cells")] if level else []
    )


@pytest.mark.parametrize(("events", "checks"), [(199, []), (200, ["gate_implausible"])])
def test_a_share_is_judged_from_two_hundred_events_on(events, checks):
    rows = [("annexin", "P1", "A1", "all", "", events, 1.0), ("annexin", "P1", "A1", "cells", "all", 9, 9 / events)]
    found = check_shares(ASSAY, plate_of("A1"), pd.DataFrame(rows, columns=shares(A1=9).columns))
    assert list(dict.fromkeys(finding.check for finding in found)) == checks


def test_a_well_far_from_its_sisters_is_named():
    found = check_shares(ASSAY, plate_of("A1", "A2", "A3"), shares(A1=900, A2=880, A3=620))
    assert [(f.level, f.check, f.well) for f in found] == [("warn", "share_apart", "A3")]


def test_a_well_near_its_sisters_is_not():
    assert check_shares(ASSAY, plate_of("A1", "A2", "A3"), shares(A1=900, A2=880, A3=660)) == []


def thresholds(**values: float) -> dict[str, ResolvedPlate]:
    return {
        plate: ResolvedPlate(gates=(ThresholdGate(name="annexin_negative", channel="annexin", value=v, side="below"),))
        for plate, v in values.items()
    }


@pytest.mark.parametrize(("value", "level"), [(49_000, "fail"), (2_500, "warn"), (700, None)])
def test_a_threshold_far_from_those_of_sister_plates_is_told_by_how_far(value, level):
    found = check_sister_plates(ASSAY, thresholds(E1=450, E2=value, E3=500, E4=600))
    assert [(f.level, f.plate) for f in found] == ([(level, "E2")] if level else [])


def test_of_two_plates_that_differ_both_are_told():
    assert {f.plate for f in check_sister_plates(ASSAY, thresholds(E1=450, E2=49_000))} == {"E1", "E2"}


def test_one_plate_has_no_sisters():
    assert check_sister_plates(ASSAY, thresholds(E1=49_000)) == []


def test_a_plate_whose_debris_gate_keeps_another_share_is_named():
    table = pd.concat([shares("E1", A1=900), shares("E2", A1=890), shares("E3", A1=400)])
    assert [(f.check, f.plate) for f in check_sister_shares(ASSAY, table)] == [("share_apart", "E3")]


def test_a_share_the_protocol_itself_declares_is_asked_of_every_well():
    lineage = {"kind": "control", "name": "cells", "channel": "cd90", "control": "reference", "side": "below"}
    declared = {"name": "surface", "title": "Surface", "gate": [lineage | {"plausible": [0.5, 1.0]}]}
    asked, silent = (
        Assay("annexin", Protocol.model_validate(one)) for one in (declared, declared | {"gate": [lineage]})
    )
    wells, kept = plate_of("A1", "A2", "A3"), shares(A1=1000, A2=500, A3=499)
    assert [(f.level, f.check, f.well) for f in check_shares(asked, wells, kept)] == [
        ("fail", "gate_implausible", "A3")
    ]
    assert check_shares(silent, wells, kept) == []
