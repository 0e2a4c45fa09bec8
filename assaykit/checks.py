"""Every check by name: what a finding of it means, and what it makes of the numbers it concerns.

    finding -> the values it concerns (assaykit.measurements.consequences) -> MEASUREMENTS -> ESTIMATES -> COMPARISONS

A finding concerns every value of its plate, or of its well where it names one; where it names a channel or a
population, only the values read from that channel or from that population and those below it. One about a control
well concerns the wells that control serves; one without a plate concerns every value of its assay.

What becomes of a number:

kept              it stands
doubtful          it stands with qc "warn" ("fail" where the finding is one), and the estimates and verdicts that rest
                  on it name the doubt
not_interpretable it stays in sight with qc "not_interpretable"; estimates that rest on it say so, and so does the
                  verdict, whatever its interval
excluded          it stays in MEASUREMENTS with qc "fail" and excluded = True, and goes into nothing: no reference, no
                  estimate; `estimates_with_excluded` shows the answer with it. Where an arm would lose its last value,
                  the values stay and are not interpretable
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from assaykit.tables import Finding, Level
from assaykit.vocabulary import STROMA_MEASURED

Consequence = Literal["kept", "doubtful", "not_interpretable", "excluded"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what a finding of it means, and its consequence at each level it may have (None: it has it never).

    `contexts` are those whose values it concerns, all of them where empty. `about` narrows it to what is read off the
    cells, such as a median or a share, and not how many there are (few cells are a poor sample, but the very answer
    of a count), or to what is counted by beads.
    """

    name: str
    meaning: str
    note: Consequence | None = None
    warn: Consequence | None = None
    fail: Consequence | None = None
    contexts: tuple[str, ...] = ()
    about: Literal["values", "statistics", "bead_counts"] = "values"

    def at(self, level: Level) -> Consequence | None:
        """Return the consequence at a level; None where the check never has it."""
        return {"note": self.note, "warn": self.warn, "fail": self.fail}[level]


Place = tuple[str, str]  # plate, well

CHECKS: dict[str, Check] = {
    check.name: check
    for check in (
        # The file of a well, and the files of a plate beside one another
        Check("file_missing", "the well has no file", fail="excluded"),
        Check("file_unreadable", "the file is not FCS, or too damaged to read", fail="excluded"),
        Check("file_changed", "the file was written to while the run was reading", fail="not_interpretable"),
        Check("file_without_well", "a file that no well of the layout names", warn="kept"),
        Check("well_unusable", "the file lacks what the protocol needs", fail="excluded"),
        Check("channel_shared", "a channel has several roles", fail="not_interpretable"),
        Check("channel_missing", "the file has no channel for a role of the protocol", fail="excluded"),
        Check("well_in_name", "a file's name holds several wells, of which one was read", note="kept"),
        Check("well_mismatch", "the file says that it is of another well", warn="doubtful"),
        Check("plate_mismatch", "the files say that they are of another plate", warn="doubtful"),
        Check("copied_data", "the same data stand in several places", fail="excluded"),
        Check("copied_plate", "two plates bear one identity or one set of times", note="kept", fail="excluded"),
        Check(
            "experiments_alike",
            "experiments agree more closely than counting the same cells twice would",
            fail="not_interpretable",
        ),
        Check("date_odd", "the date in the file is far from the others'", warn="kept"),
        Check("cytometer_differs", "acquired on another cytometer", note="kept", warn="doubtful"),
        Check("stain_differs", "a detector is labelled with another stain", warn="doubtful", fail="excluded"),
        Check("stain_missing", "a stain that the other plates have is missing", warn="doubtful"),
        Check("detector_voltage", "a detector had another voltage than in the other wells", fail="excluded"),
        Check("detector_gain", "a detector had another gain than in the other wells", fail="excluded"),
        Check("events_not_finite", "events without a number were left out", warn="doubtful"),
        # Numbers that were gated elsewhere
        Check("gated_elsewhere", "gates and thresholds of these numbers cannot be looked at here", note="kept"),
        Check("cells_not_known", "shares are given without the cells behind them", note="kept"),
        Check("columns_unused", "columns of a table that no line of the study names", note="kept"),
        Check("cell_not_read", "a cell of a table is no number", fail="kept"),  # what needs it has no value
        Check("sample_missing", "no table has a sample of the well", fail="excluded"),
        Check("sample_without_well", "a sample of a table that no well of the layout names", warn="kept"),
        # Compensation
        Check("compensation", "the spillover cannot be used", fail="not_interpretable"),
        Check(
            "uncompensated",
            "light of several dyes was not parted",
            note="kept",
            warn="doubtful",
            fail="not_interpretable",
        ),
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
        Check("gate_passed_over", "the files have no channel for a gate", note="kept", warn="not_interpretable"),
        Check(
            "stroma_not_gated",
            "stromal cells cannot be told from leukaemia cells",
            warn="not_interpretable",
            contexts=STROMA_MEASURED,
        ),
        Check("no_control", "no control serves a channel", note="kept", fail="kept"),  # what needs one has no value
        Check(
            "control_ancestor", "a control served with the cells of a population above", note="kept", warn="doubtful"
        ),
        Check("control_few", "too few control cells for a percentile", warn="doubtful"),
        Check("control_poor", "the control holds too few cells, or none", warn="doubtful", fail="doubtful"),
        Check("control_shared", "one control was measured for several plates", note="kept", warn="doubtful"),
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
        Check("more_beads_than_added", "more beads were counted than added", fail="excluded"),
        # Cells of a well, and the plate they are on
        Check("few_cells", "the population holds few cells", warn="doubtful", fail="excluded", about="statistics"),
        Check("few_beads", "few counting beads were seen", warn="doubtful", fail="excluded", about="bead_counts"),
        Check("doublets", "many doublets", warn="doubtful"),
        Check("margin", "a detector is saturated", warn="doubtful"),
        Check("drift", "the signal moved during the run", warn="doubtful"),
        Check("clog", "the flow was blocked", warn="doubtful"),
        Check("flow_rate", "the flow surged", warn="doubtful"),
        Check("time_unusable", "the Time channel tells nothing", warn="kept"),
        Check("time_backwards", "time runs backwards: runs were joined", warn="doubtful"),
        Check("carry_over", "the first events look like those of the well run before", warn="doubtful"),
        Check("excluded_time", "events left out for their time", note="kept"),
        Check("excluded_margin", "events left out at the limit of a range", note="kept"),
        Check("excluded_signal", "events left out while the signal had moved", note="kept", warn="doubtful"),
        Check("unknown_statistic", "the protocol asks for a statistic that is none", fail="kept"),
        Check("levey_jennings", "beads or reference lie beyond 3 SD of the other plates", warn="doubtful"),
        Check("plate_edge", "wells at the edge differ from those inside", warn="doubtful"),
        Check("swapped", "rows or columns look swapped", warn="doubtful"),
        # The study
        Check("input_changed", "a file holds other bytes now than were read", fail="kept"),
        Check("unit_doubtful", "the unit may not be independent", warn="doubtful"),
        Check("few_units", "few independent units", warn="kept"),
        Check("reference_missing", "a context has no reference", warn="kept"),
        Check("levels_alike", "two levels look like one", warn="kept"),
        Check("line_unknown", "a cell line that no catalogue knows", warn="kept"),
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
        Check("not_above_zero", "a ratio or logarithm of nothing", fail="doubtful"),
        Check("more_than_input", "more cells than were put in", warn="doubtful"),
        Check("not_read", "the well has no readout to form it from", fail="excluded"),
        Check("no_readouts", "nothing was read from the well", fail="excluded"),
        Check("no_input", "the cells put in are not known", fail="excluded"),
        Check("no_cells", "no leukaemia cell was seen", fail="excluded"),
        Check("part_exceeds_whole", "a part of the cells exceeds the whole", fail="excluded"),
        Check("undefined", "the formula gives no number", fail="excluded"),
        Check("scored_cells", "cells scored are not the cells of the well", fail="excluded"),
        # The protocol's criteria; one that fails leaves out what it speaks of where the protocol says drop = true
        Check("vehicle_index", "the reference hardly chemotaxes", warn="doubtful", fail="doubtful"),
        Check("medium_migration", "many cells fell through to medium", warn="doubtful", fail="doubtful"),
        Check("vehicle_death", "many cells of the reference are dying", warn="doubtful", fail="doubtful"),
        Check("input_viability", "many cells put in were dead", warn="doubtful", fail="doubtful"),
        Check("cell_events", "a value rests on few cells", warn="doubtful", fail="doubtful"),
        Check("bead_events", "a count rests on few beads", warn="doubtful", fail="doubtful"),
        Check("duplicate_cv", "wells of one arm disagree", warn="doubtful", fail="doubtful"),
        Check("recovery_low", "cells put in were not found again", warn="doubtful", fail="doubtful"),
        Check("recovery_high", "more cells were found than put in", warn="doubtful", fail="doubtful"),
        Check("detachment", "the stroma came off", warn="doubtful", fail="doubtful"),
        # What is known of a contrast or a fit and not of single values: the estimate itself carries it
        Check("confounded", "no unit holds both arms", warn="not_interpretable"),
        Check("arms_apart", "the arms were never on one plate, or of one batch", warn="not_interpretable"),
        Check("arms_partly_apart", "the arms were not always on one plate, or of one batch", warn="doubtful"),
        Check("values_off_scale", "values without a logarithm or logit are left out", warn="kept"),
        Check("failed_values_kept", "values that failed a check are in the estimates", warn="kept"),
        Check("units_incomplete", "units without some arms do not inform their contrasts", note="kept"),
        Check("nothing_to_estimate", "nothing was measured for an analysis", warn="kept"),
        Check("factor_averaged", "values are averaged over a factor", warn="kept"),
        Check("unit_apart", "a unit lies apart from the others", note="kept"),
        Check("residual_outliers", "residuals far from the others", note="kept"),
        Check("unequal_spread", "arms differ in spread", warn="kept"),
        Check("influential_unit", "an answer hangs on one unit", note="kept"),
        Check("rows_left_out", "rows with missing values are left out", warn="kept"),
        Check("empty_cells", "a cell of the design is empty", warn="kept"),
        Check("unit_not_in_model", "the model does not know the unit", warn="kept"),
        Check("not_converged", "the fit did not converge", warn="kept"),
        Check("model_not_fitted", "a model could not be fitted; unit means serve", warn="kept"),
        Check("singular_fit", "a variance is estimated as zero", note="kept"),
        Check("bootstrap_few_units", "few units for a bootstrap", warn="kept"),
        Check("glmm_not_converged", "the count model did not converge", warn="kept"),
        Check("glmm_singular", "a variance of the count model is zero", note="kept"),
        Check("glmm_few_units", "few units for a count model", note="kept"),
        Check("glmm_separation", "an arm holds only zeros or ones", warn="kept"),
        Check("glmm_no_overdispersion", "counts vary no more than by chance", note="kept"),
        Check("glmm_overdispersed", "counts vary more than the model says", warn="kept"),
        Check("plateau_not_reached", "the doses do not reach a plateau", warn="kept"),
        Check("curve_not_fitted", "a curve could not be fitted", warn="kept"),
        Check("curve_without_doses", "no drug was given at enough doses", note="kept", warn="kept"),
        Check("synergy_reference_missing", "an arm of the synergy is missing", warn="kept"),
        Check("synergy_not_estimated", "a synergy model gives no number", note="kept"),
    )
}


@dataclass(frozen=True, slots=True)
class Located:
    """A finding about wells that its plate and well cannot name: several of a plate, or the rows of one experiment."""

    finding: Finding
    places: tuple[Place, ...]


def consequence(finding: Finding) -> Consequence:
    """Return what a finding makes of the numbers it concerns; a repair of a file leaves them, or in doubt if it warns.

    >>> consequence(Finding("fail", "detector_voltage", "the voltage of PE-A was 620 in this well"))
    'excluded'
    """
    if finding.check.startswith("repair_"):
        return "doubtful" if finding.level == "warn" else "kept"
    check = CHECKS.get(finding.check)
    return (check.at(finding.level) if check is not None else None) or "kept"


def meaning(name: str) -> str:
    """Return what a finding of a check means, in words.

    >>> meaning("few_cells"), meaning("repair_short_data")
    ('the population holds few cells', 'the file was mended')
    """
    check = CHECKS.get(name)
    return check.meaning if check else "the file was mended" if name.startswith("repair_") else name.replace("_", " ")


def joined(names: Iterable[str]) -> str:
    """Return check names as MEASUREMENTS holds them, each once."""
    return "; ".join(dict.fromkeys(filter(None, names)))
