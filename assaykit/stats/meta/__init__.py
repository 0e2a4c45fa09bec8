"""Random-effects meta-analysis over runs, donors or laboratories."""
