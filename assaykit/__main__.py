"""`python -m assaykit` is `assaykit`."""

from assaykit.cli import main

main()
