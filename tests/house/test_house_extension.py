"""What a lab adds is added once: an endpoint, a readout, a figure and a claim are each one value in one dict or file.

Nothing of assaykit is changed here but `ENDPOINTS`, `READOUTS`, `FIGURES` and `DRAWINGS`; study checks, templates,
tables, figures, report and verdicts must all know what was added.
"""

from __future__ import annotations

import numpy as np
import openpyxl
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from assaykit.cli.app import app
from assaykit.cytometry import READOUTS
from assaykit.cytometry.readouts import Statistic, quantile
from assaykit.endpoints import (
    ENDPOINTS,
    FROM_INPUT,
    OWN,
    Endpoint,
    as_read,
    cells_counted,
    channel_statistics,
    equivalence_bound,
    percent,
)
from assaykit.errors import AssaykitError
from assaykit.figures import DRAWINGS, FIGURES, Drawing, drawings
from assaykit.figures.evidence import family_of
from assaykit.pipeline import run
from assaykit.protocol import protocol_folder
from assaykit.report import write_report
from assaykit.simulate import simulate_study
from assaykit.study import read_study

INVASION = Endpoint(
    name="invasion",
    function=lambda quantity, reference: percent(quantity["migrated"], reference["input"]),
    quantity=cells_counted("migrated", "count"),
    formation=FROM_INPUT,
    meaning="cells that went through a gel",
    words="invasion of the gel",
    unit="%",
    axis_unit="% of the cells put on the gel",
    family="Invasion",
    scale="log",
    formula="100 * cells below the gel / cells put on it",
    needs=("migrated", "input"),
    counted="migrated",
    count_columns=("migrated", "input"),
    target="medium",
    bound=2.0,
    bound_source="a test's",
)
BREADTH = Endpoint(
    name="breadth",
    function=as_read("breadth"),
    quantity=channel_statistics("breadth"),
    formation=OWN,
    meaning="how far apart the dimmest and brightest tenth of the cells are",
    words="breadth of {marker}",
    unit="MFI",
    family="Surface {marker}",
    scale="log2",
    formula="P90 - P10",
    needs=("breadth",),
)
PROTOCOL = """
assaykit = 1
name = "gel"
title = "Invasion of a gel"

[[endpoint]]
endpoint = "invasion"

[[analysis]]
name = "invasion"
endpoint = "invasion"
scale = "log"
primary = true
"""
STUDY = """
assaykit = 1
title = "What a lab adds"
unit = "experiment"
claims = ["claims.toml"]

[[assay]]
protocol = "gel.toml"
counts = ["counts.csv"]
"""
CLAIMS = """
assaykit = 1
title = "A lab's own"

[reviews.LAB]
title = "Our notebook"

[[claim]]
id = "LAB-01"
review = "LAB"
statement = "Imatinib makes cells invade the gel."
sign = 1
kind = "empirical"
family = "invasion"
cells = "any"
[[claim.test]]
endpoints = ["invasion"]
kind = "treatment"
treatment = ["imatinib"]
contexts = ["mono"]

[[claim]]
id = "LAB-02"
review = "LAB"
statement = "Imatinib broadens the distribution of surface CXCR4."
sign = 1
kind = "empirical"
family = "breadth"
cells = "any"
[[claim.test]]
endpoints = ["cxcr4_breadth"]
kind = "treatment"
treatment = ["imatinib"]
contexts = ["mono"]
"""
HEAD = "experiment,treatment,target,count,input"


def rows(target: str = "medium") -> list[str]:
    """Return counts of three days: 2 % of the cells invade, 8 % with imatinib, and days differ by a few cells."""
    arms = (("vehicle", 2000), ("imatinib 1 uM", 8000))
    return [
        f"day {day},{treatment},{target},{count + 100 * day},100000" for day in (1, 2, 3) for treatment, count in arms
    ]


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a study that asks for an endpoint assaykit does not have."""
    (tmp_path / "gel.toml").write_text(PROTOCOL, encoding="utf-8")
    (tmp_path / "claims.toml").write_text(CLAIMS, encoding="utf-8")
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    (tmp_path / "counts.csv").write_text("\n".join([HEAD, *rows()]), encoding="utf-8")
    return tmp_path


@pytest.fixture
def invasion(monkeypatch):
    monkeypatch.setitem(ENDPOINTS, "invasion", INVASION)


def means(table, *, style):
    """Return a figure of the mean of each arm."""
    figure = Figure()
    figure.subplots().plot(table["value"], linewidth=style.line)
    return figure


def invasion_drawings(results):
    """Yield the lab's own figure of a run."""
    table = results.tables["measurements"].query("endpoint == 'invasion'")
    yield Drawing("invasion_course", "The course of invasion", "Every well in turn.", "course", (table,))


@pytest.fixture
def course(monkeypatch):
    monkeypatch.setitem(FIGURES, "course", means)
    monkeypatch.setitem(DRAWINGS, "invasion", invasion_drawings)


def test_without_it_the_study_is_refused_with_its_other_faults(folder):
    (folder / "counts.csv").write_text("\n".join([HEAD, *rows(), "day 4,imatinb 1 uM,medium,1,2"]), encoding="utf-8")
    with pytest.raises(AssaykitError) as refused:
        read_study(folder)
    assert "an endpoint must be a known one; found 'invasion'" in str(refused.value)
    assert "imatinb" in str(refused.value)


@pytest.mark.usefixtures("invasion")
def test_an_endpoint_is_known_to_the_checks_of_a_study(folder):
    well = read_study(folder).assays[0].counts[0].wells[0]
    assert well.counts == {"migrated": 2100.0, "input": 100000.0}, "a column `count` is what the endpoint counts"
    assert well.factors["target"] == "medium"
    (folder / "counts.csv").write_text("\n".join([HEAD, *rows("serum")]), encoding="utf-8")
    with pytest.raises(AssaykitError, match="target must be one of medium"):
        read_study(folder)


@pytest.mark.usefixtures("invasion")
def test_an_endpoint_is_known_to_the_command_line(folder):
    told = CliRunner().invoke(app, ["endpoints", "invasion"])
    assert told.exit_code == 0
    assert "cells that went through a gel" in told.output
    assert "the viable cells put in" in told.output
    made = CliRunner().invoke(app, ["init", str(folder / "new"), "--protocol", str(folder / "gel.toml"), "--counts"])
    assert made.exit_code == 0, made.output
    sheet = openpyxl.load_workbook(folder / "new" / "counts" / "gel.xlsx")["counts"]
    columns = [cell.value for cell in sheet[1]]
    assert columns[:7] == ["experiment", "treatment", "context", "target", "replicate", "migrated", "input"]


@pytest.mark.usefixtures("invasion", "course")
def test_an_endpoint_a_figure_and_a_claim_reach_tables_figures_report_and_verdicts(folder):
    results = run(read_study(folder), robust=False)
    values = results.tables["measurements"].query("endpoint == 'invasion'")["value"].tolist()
    assert values == pytest.approx([2.1, 8.1, 2.2, 8.2, 2.3, 8.3])

    claim = results.tables["comparisons"].set_index("claim").loc["LAB-01"]
    assert (claim["verdict"], claim["endpoint"], claim["n_units"]) == ("consistent", "invasion", 3)
    assert claim["effect"] == pytest.approx(np.prod([8.1 / 2.1, 8.2 / 2.2, 8.3 / 2.3]) ** (1 / 3), rel=1e-6)
    assert equivalence_bound("invasion", "identity") == 2.0

    listed = {drawing.name: drawing for drawing in drawings(results)}
    assert "invasion_course" in listed
    assert any("nvasion of the gel" in drawing.title + drawing.caption for drawing in listed.values())
    assert family_of("invasion") == "Invasion"
    page = write_report(results, folder / "report.html").read_text(encoding="utf-8")
    assert "The course of invasion" in page
    assert "nvasion of the gel (% of the cells put on the gel)" in page, "the axis has the endpoint's own unit"
    assert "Imatinib makes cells invade the gel." in page


def breadth(cells) -> float:
    return quantile(cells.values, 90) - quantile(cells.values, 10)  # nan of no cells


def test_a_readout_and_the_endpoint_of_it_reach_tables_and_verdicts(tmp_path, monkeypatch):
    monkeypatch.setitem(READOUTS, "breadth", Statistic(breadth, "intensity", "P90 - P10 of the population"))
    monkeypatch.setitem(ENDPOINTS, "breadth", BREADTH)
    simulate_study(tmp_path, seed=5, cells=400, design="small")
    recipe = (protocol_folder() / "cxcr4_surface.toml").read_text(encoding="utf-8")
    of_cells = 'channel = "cxcr4"\n'
    (tmp_path / "broad.toml").write_text(
        f'{recipe}\n[[readout]]\nstatistic = "breadth"\npopulation = "cml"\n{of_cells}'
        f'\n[[endpoint]]\nendpoint = "breadth"\npopulations = {{ cells = "cml" }}\n{of_cells}'
        '\n[[analysis]]\nname = "breadth"\nendpoint = "cxcr4_breadth"\nscale = "log2"\n',
        encoding="utf-8",
    )
    (tmp_path / "claims.toml").write_text(CLAIMS, encoding="utf-8")
    assay = (
        'protocol = "broad.toml"\nplates = ["plates/cxcr4_*.toml"]\nfcs = "fcs/{plate}"\n'
        'channels = { cxcr4 = "PE-A", viability = "BV421-A", cd45 = "APC-A" }'
    )
    study = STUDY.replace('protocol = "gel.toml"\ncounts = ["counts.csv"]', assay)
    (tmp_path / "broad_study.toml").write_text(study, encoding="utf-8")
    results = run(read_study(tmp_path / "broad_study.toml"), robust=False)
    readouts = results.tables["readouts"].query("readout == 'cxcr4_breadth'")
    read = readouts["value"].dropna()  # a control without cells of the population has none
    assert len(read) > 0.8 * len(readouts)
    assert (read > 0).all()
    assert set(results.tables["measurements"]["endpoint"]) > {"cxcr4_breadth", "cxcr4_dmfi"}
    claim = results.tables["comparisons"].set_index("claim").loc["LAB-02"]
    assert claim["endpoint"] == "cxcr4_breadth"
    assert claim["verdict"] in {"consistent", "inconclusive", "no effect"}
    assert family_of("cxcr4_breadth") == "Surface CXCR4"


def test_every_endpoint_is_whole_and_can_be_said_to_show_no_effect():
    for name, endpoint in ENDPOINTS.items():
        assert endpoint.name == name
        assert endpoint.words, name
        assert endpoint.family, name
        assert equivalence_bound(name, endpoint.scale) is not None, name
        assert (endpoint.bound is None) == (endpoint.bound_source == ""), name
        if endpoint.formation is FROM_INPUT:
            assert endpoint.counted, name
