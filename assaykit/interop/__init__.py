"""Other tools' objects from ours: FlowCytometryTools measurements, plates and gates; AnnData for notebooks."""

from assaykit.interop.anndata import anndata_from_events
from assaykit.interop.flowcytometrytools import fc_gate, fc_measurement, fc_plate, load, test_data_folder

__all__ = ["anndata_from_events", "fc_gate", "fc_measurement", "fc_plate", "load", "test_data_folder"]
