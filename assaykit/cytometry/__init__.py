"""Cytometry: compensation, scales, gates, controls and quality; a plate's controls resolved, each well measured.

resolve_plate(assay, plate) -> Resolved + findings       the numbers that a plate's controls fill in
measure_well(assay, plate, well) -> WellMeasurement      one well, a pure function of its arguments
check_... , copy_findings, sister_findings -> findings   a plate, and the plates of an assay, as a whole
read_gates, gates_of_study, write_gates                  gates from other programs, and to them
"""

from assaykit.cytometry.carry_over import RunStart, carry_over_findings
from assaykit.cytometry.channels import is_fluorescence, optional_roles, require_roles, role_columns, roles_used
from assaykit.cytometry.compensation import compensate, spill, spillover_from_keywords
from assaykit.cytometry.control_chart import beyond_limits, control_points, levey_jennings_findings
from assaykit.cytometry.copies import copy_findings
from assaykit.cytometry.exporting import ExportedGates, exported_gates, gates_of_study, write_gates
from assaykit.cytometry.flowjo_workspace import workspace_samples
from assaykit.cytometry.gatingml import GatingDocument
from assaykit.cytometry.hierarchy import ALL, COMPLEMENT
from assaykit.cytometry.importing import CountCheck, compare_counts, protocol_from_gates, read_gates, spillover_csv
from assaykit.cytometry.matching import concerns, controls_of, match_control
from assaykit.cytometry.measure import (
    UNGATED,
    GatedEvents,
    WellMeasurement,
    gate_events,
    gates_for,
    measure_well,
    worker_assay,
    worker_plate,
)
from assaykit.cytometry.overrides import exclusion_findings, gate_words
from assaykit.cytometry.plate_checks import check_plate
from assaykit.cytometry.plausibility import check_shares, check_sister_plates, check_sister_shares
from assaykit.cytometry.readouts import READOUTS
from assaykit.cytometry.resolve import resolve_plate
from assaykit.cytometry.scales import transformed_values
from assaykit.cytometry.sisters import sister_findings
from assaykit.cytometry.statistics import is_gated_elsewhere, resolve_statistics, statistics_rows
from assaykit.cytometry.survey import survey_plate
from assaykit.cytometry.wells import DATA_ERRORS

__all__ = [
    "ALL",
    "COMPLEMENT",
    "DATA_ERRORS",
    "READOUTS",
    "UNGATED",
    "CountCheck",
    "ExportedGates",
    "GatedEvents",
    "GatingDocument",
    "RunStart",
    "WellMeasurement",
    "beyond_limits",
    "carry_over_findings",
    "check_plate",
    "check_shares",
    "check_sister_plates",
    "check_sister_shares",
    "compare_counts",
    "compensate",
    "concerns",
    "control_points",
    "controls_of",
    "copy_findings",
    "exclusion_findings",
    "exported_gates",
    "gate_events",
    "gate_words",
    "gates_for",
    "gates_of_study",
    "is_fluorescence",
    "is_gated_elsewhere",
    "levey_jennings_findings",
    "match_control",
    "measure_well",
    "optional_roles",
    "protocol_from_gates",
    "read_gates",
    "require_roles",
    "resolve_plate",
    "resolve_statistics",
    "role_columns",
    "roles_used",
    "sister_findings",
    "spill",
    "spillover_csv",
    "spillover_from_keywords",
    "statistics_rows",
    "survey_plate",
    "transformed_values",
    "worker_assay",
    "worker_plate",
    "workspace_samples",
    "write_gates",
]
