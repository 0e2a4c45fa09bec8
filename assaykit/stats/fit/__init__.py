"""A tidy table, the column of its independent unit and a formula -> every contrast of its factors: `TableFit`."""

from assaykit.stats.fit.counts import Bootstrap, fit_counts
from assaykit.stats.fit.result import TableFit
from assaykit.stats.fit.values import fit_values, rows_as_independent

__all__ = ["Bootstrap", "TableFit", "fit_counts", "fit_values", "rows_as_independent"]
