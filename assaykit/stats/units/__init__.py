"""Statistics of independent units: their means, contrasts, tests, adjustment, equivalence and power."""
