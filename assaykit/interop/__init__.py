"""Other tools' objects from ours and ours from theirs: FlowCytometryTools' plates and gates; AnnData for notebooks."""

from assaykit.interop.anndata import anndata_from_events
from assaykit.interop.fc_gates import Hlog, gates_from_fc_gates
from assaykit.interop.fc_script import read_fc_gates
from assaykit.interop.fc_study import (
    plate_from_fc_plate,
    protocol_text_from_fc_gates,
    read_fc_plate,
    write_fc_study,
)
from assaykit.interop.flowcytometrytools import (
    fc_example_folder,
    fc_gate,
    fc_measurement,
    fc_plate,
    fc_plate_from_results,
    load,
)

__all__ = [
    "Hlog",
    "anndata_from_events",
    "fc_example_folder",
    "fc_gate",
    "fc_measurement",
    "fc_plate",
    "fc_plate_from_results",
    "gates_from_fc_gates",
    "load",
    "plate_from_fc_plate",
    "protocol_text_from_fc_gates",
    "read_fc_gates",
    "read_fc_plate",
    "write_fc_study",
]
