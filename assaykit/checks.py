"""Every check by name: what a finding of it means, and what it makes of the numbers it concerns.

A finding concerns every value of its plate, or of its well where it names one; where it names a channel or a
population, only the values read from that channel or from that population and those below it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assaykit.tables import Finding

Consequence = Literal["kept", "doubtful", "not_interpretable", "excluded"]
"""What becomes of a number: it stands; it stands and every verdict on it says the doubt; it and what rests on it
cannot be interpreted; it is left out, and the answer with it is shown beside."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what it means, and the consequence of a finding at each level it may have (None: it has it never)."""

    name: str
    meaning: str
    note: Consequence | None = None
    warn: Consequence | None = None
    fail: Consequence | None = None


CHECKS: dict[str, Check] = {
    check.name: check
    for check in (
        # The file of a well
        Check("file_missing", "the well has no file", fail="excluded"),
        Check("file_unreadable", "the file is not FCS, or too damaged to read", fail="excluded"),
        Check("file_changed", "the file was written to while the run was reading", fail="not_interpretable"),
        Check("file_without_well", "a file that no well of the layout names", warn="kept"),
        Check("well_unusable", "the file lacks what the protocol needs", fail="excluded"),
        Check("channel_shared", "a channel has several roles", fail="not_interpretable"),
        Check("channel_missing", "the file has no channel for a role of the protocol", fail="excluded"),
        Check("well_in_name", "a file's name holds several wells, of which one was read", note="kept"),
        Check("well_mismatch", "the file says that it is of another well", warn="doubtful"),
        Check("detector_voltage", "a detector had another voltage than in the other wells", fail="excluded"),
        Check("detector_gain", "a detector had another gain than in the other wells", fail="excluded"),
        # Compensation
        Check("compensation", "the spillover cannot be used", fail="not_interpretable"),
        Check("uncompensated", "light of several dyes was not parted", note="kept", fail="not_interpretable"),
        Check("spillover_differs", "wells of a plate carry different spillover", warn="doubtful"),
        Check("spillover_read", "how a spillover matrix was read", note="kept", warn="doubtful"),
        Check("single_stain", "spillover as estimated from single stains", note="kept"),
        Check("unmixing", "what unmixing leaves unexplained", note="kept", warn="doubtful"),
        Check("single_stain_named", "which dye a file of single stains is for", note="kept", warn="doubtful"),
        Check("single_stain_voltage", "a single stain was acquired at other voltages", warn="doubtful"),
        Check("single_stain_missing", "a dye has no single-stain well", warn="doubtful"),
        Check("single_stain_dim", "a single stain is too dim for a slope", warn="doubtful"),
        Check("single_stain_uncertain", "a spillover slope is uncertain", warn="doubtful"),
        # Gates and controls
        Check("gate", "a gate could not be fixed", fail="not_interpretable"),
        Check("threshold", "where an estimated gate stands", note="kept"),
        Check(
            "ambiguous_valley",
            "nothing shows for sure where an estimated gate stands",
            warn="doubtful",
            fail="not_interpretable",
        ),
        Check("gate_implausible", "an estimated gate keeps an implausible share", fail="not_interpretable"),
        Check("share_apart", "a gate keeps another share than in sister wells or plates", warn="doubtful"),
        Check(
            "threshold_apart",
            "a gate stands elsewhere than on sister plates",
            warn="doubtful",
            fail="not_interpretable",
        ),
        Check("gate_passed_over", "the files have no channel for a gate", note="kept", warn="doubtful"),
        Check("no_control", "no control serves a channel", note="kept", fail="kept"),
        Check(
            "control_ancestor", "a control served with the cells of a population above", note="kept", warn="doubtful"
        ),
        Check("control_few", "too few control cells for a percentile", warn="doubtful"),
        Check("control_poor", "the control holds too few cells, or none", warn="doubtful", fail="doubtful"),
        Check("control_substituted", "another kind of control served", warn="doubtful"),
        Check("control_not_matched", "the control is of another condition", note="kept", warn="doubtful"),
        Check("controls_disagree", "controls of one kind lie apart", warn="doubtful"),
        Check("control_bright", "a control is as bright as what it serves", warn="doubtful"),
        Check("marker_unknown", "a control names no marker of the protocol", warn="kept"),
        Check("msc_contamination", "stroma within the leukaemic gate", warn="doubtful"),
        # What a person set by hand
        Check("set_by_hand", "a gate or a channel was set by hand", note="kept"),
        Check("override_stale", "it was set by hand on another estimate or file", warn="doubtful"),
        Check("excluded_by_hand", "left out by hand", note="excluded"),
        Check("control_excluded_by_hand", "a control left out by hand: others serve instead", note="kept"),
        # Beads
        Check("bead_line", "the calibration line of the beads", note="kept", warn="doubtful", fail="excluded"),
        Check("no_bead_line", "the beads give no calibration line", warn="kept"),
        Check("beyond_beads", "a value outside the beads' range", warn="kept"),
        Check("bead_lot_unused", "a lot is named, but no beads", warn="kept"),
        # Cells of a well
        Check("few_cells", "the population holds few cells", warn="doubtful", fail="excluded"),
        Check("doublets", "many doublets", warn="doubtful"),
        Check("margin", "a detector is saturated", warn="doubtful"),
        Check("drift", "the signal moved during the run", warn="doubtful"),
        Check("clog", "the flow was blocked", warn="doubtful"),
        Check("flow_rate", "the flow surged", warn="doubtful"),
        Check("time_backwards", "time runs backwards: runs were joined", warn="doubtful"),
        Check("carry_over", "the first events look like those of the well run before", warn="doubtful"),
        Check("excluded_time", "events left out for their time", note="kept"),
        Check("excluded_margin", "events left out at the limit of a range", note="kept"),
        Check("excluded_signal", "events left out while the signal had moved", note="kept", warn="doubtful"),
        Check("unknown_statistic", "the protocol asks for a statistic that is none", fail="kept"),
        # The plate
        Check("levey_jennings", "beads or reference lie beyond 3 SD of the other plates", warn="doubtful"),
        Check("plate_edge", "wells at the edge differ from those inside", warn="doubtful"),
        Check("swapped", "rows or columns look swapped", warn="doubtful"),
        # The study
        Check("input_changed", "a file holds other bytes now than were read", fail="kept"),
        Check("unit_doubtful", "the unit may not be independent", warn="doubtful"),
        Check("few_units", "few independent units", warn="kept"),
        Check("reference_missing", "a context has no reference", warn="kept"),
        Check("levels_alike", "two levels are spelt almost alike", warn="kept"),
        Check("levels_mixed", "several levels of a factor are averaged", warn="doubtful"),
        Check("layout_alert", "the layout says so itself", note="kept"),
        Check("dose_implausible", "a dose far from the drug's usual range", warn="kept"),
        Check("target_unknown", "inserts without a known target", warn="kept"),
        # Endpoints: what MEASUREMENTS itself marks value by value
        Check("endpoint_not_formed", "an endpoint has no value in any well", note="kept", fail="kept"),
        Check("interference", "a drug disturbs the assay", warn="not_interpretable"),
        Check("no_reference", "nothing to hold the value against", warn="not_interpretable"),
        Check("no_kill", "the drug does not kill, so there is no index", note="not_interpretable"),
        Check("little_kill", "the drug kills little, so the index is unstable", note="doubtful"),
        Check("no_protection", "stroma does not protect, so nothing is reversed", note="not_interpretable"),
        Check("nothing_counted", "no cell was counted", warn="doubtful"),
        Check("not_above_zero", "a ratio or logarithm of nothing", fail="not_interpretable"),
        Check("more_than_input", "more cells than were put in", warn="doubtful"),
        Check("not_read", "the well has no readout to form it from", fail="kept"),
        Check("no_input", "the cells put in are not known", fail="kept"),
    )
}


def consequence(finding: Finding) -> Consequence:
    """Return what a finding makes of the numbers it concerns; a repair of a file leaves them, or in doubt if it warns.

    A check of the protocol's acceptance criteria says it on the criterion, and is not among these.
    """
    if finding.check.startswith("repair_"):
        return "doubtful" if finding.level == "warn" else "kept"
    check = CHECKS.get(finding.check)
    made = getattr(check, finding.level) if check is not None else None
    return made or "kept"
