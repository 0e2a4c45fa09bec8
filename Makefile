# One line per job; `.ci/run` is what must hold before a change lands. AREA is a folder of tests: make test AREA=plate
UV = python -m uv run
AREA =

.DEFAULT_GOAL := help
.PHONY: help test check format sample ci

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/'

test:  ## the tests, or those of one AREA
	$(UV) pytest $(if $(AREA),tests/$(AREA))

check:  ## formatting, style, types and imports, as .ci/run asks
	$(UV) ruff check .
	$(UV) ruff format --check .
	$(UV) mypy
	$(UV) lint-imports

format:  ## mend formatting and what ruff can mend
	$(UV) ruff check --fix .
	$(UV) ruff format .

sample:  ## run the sample study; results/report.html
	$(UV) assaykit run sample_data/cml_niche/study.toml -o results

ci:  ## everything, as before a change lands
	.ci/run
