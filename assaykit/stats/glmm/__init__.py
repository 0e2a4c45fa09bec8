"""Mixed models of counts and proportions, and what small numbers of units do to them."""
