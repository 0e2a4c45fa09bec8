"""`Results`: the study as resolved, the tables and the provenance; written to a folder and read back equal."""

from assaykit.results.folder import ResultsFolder, read_results, results_folder, write_results
from assaykit.results.model import Results
from assaykit.results.resolved import control_quantiles, study_from_toml, study_to_toml

__all__ = [
    "Results",
    "ResultsFolder",
    "control_quantiles",
    "read_results",
    "results_folder",
    "study_from_toml",
    "study_to_toml",
    "write_results",
]
