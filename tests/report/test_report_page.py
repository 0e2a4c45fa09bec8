"""The report is one page that opens with the answer and needs nothing but itself."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest
from figures.figures_study import synthetic_results

from assaykit.report import write_report, write_report_folder
from assaykit.tables import TABLES


@pytest.fixture(scope="module")
def results():
    return synthetic_results()


@pytest.fixture(scope="module")
def page(results, tmp_path_factory):
    return write_report(results, tmp_path_factory.mktemp("report") / "report.html").read_text(encoding="utf-8")


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


def without(results, *names):
    """Return the results with those tables empty."""
    return replace(results, tables={n: f.iloc[:0] if n in names else f for n, f in results.tables.items()})


def bare(results, tmp_path):
    """Return the page of results without figures, which is quick."""
    return write_report(results, tmp_path / "report.html", figures={}).read_text(encoding="utf-8")


def test_the_page_loads_nothing_from_elsewhere_and_runs_no_script(page):
    parsed = Tags(page)
    assert not {"script", "link", "iframe", "object", "embed"} & set(parsed.tags)
    addresses = [value for name, value in parsed.attributes if name in {"src", "href", "xlink:href"}]
    assert addresses
    assert all(value.startswith(("#", "data:")) for value in addresses)
    assert not re.search(r"url\((?!#)|@import", page)


def test_every_identifier_is_unique_and_every_anchor_leads_somewhere(page):
    parsed = Tags(page)
    ids = Counter(value for name, value in parsed.attributes if name == "id")
    assert [name for name, count in ids.items() if count > 1] == []
    anchors = {value[1:] for name, value in parsed.attributes if name in {"href", "xlink:href"} and value[:1] == "#"}
    assert anchors <= set(ids)
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)


def test_the_answer_comes_first_then_quality_figures_tables_methods_provenance(page):
    sections = ["answer", "quality", "figures-evidence", "figures-results", "claims", "estimates", "methods",
                "provenance", "dictionary"]  # fmt: skip
    places = [page.index(f'<section id="{name}">') for name in sections]
    assert places == sorted(places)


def test_failed_checks_stand_before_warnings_and_notes(page):
    assert page.index("Failed (1)") < page.index("Warnings (1)") < page.index("Notes (1)")


def test_all_claims_are_listed_once_with_their_verdict(page, results):
    tables = page[page.index('<section id="claims">') : page.index('<section id="estimates">')]
    cells = re.findall(r"<td>((?:EN|ES)-\d+)(?: ★)?</td>", tables)
    assert sorted(cells) == sorted(results.tables["comparisons"]["claim"])


def test_every_estimate_is_listed(page, results):
    table = page[page.index('<section id="estimates">') : page.index('<section id="methods">')]
    assert table.count("<tr><td>") == len(results.tables["estimates"])


def test_a_simulated_study_is_labelled_so_and_a_real_one_is_not(page, results, tmp_path):
    assert "Simulated data." in page
    real = replace(results, study=replace(results.study, title="Imatinib in K562"))
    assert "Simulated data." not in bare(real, tmp_path)
    told = replace(real, provenance={**real.provenance, "simulated": True})
    assert "Simulated data." in bare(told, tmp_path)


def test_what_a_study_calls_itself_cannot_become_markup(results, tmp_path):
    odd = replace(results, study=replace(results.study, title="<script>alert(1)</script> & co"))
    text = bare(odd, tmp_path)
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_every_figure_has_a_caption_that_says_what_n_is(page):
    parsed = Tags(page)
    assert parsed.tags.count("figure") == parsed.tags.count("figcaption") == parsed.tags.count("svg") >= 12
    assert "n = 5 independent experiments per condition" in page


def test_the_statistic_df_and_p_of_every_contrast_drawn_stand_under_the_figure(page):
    assert re.search(r"imatinib 1 µM cells alone, t\(4\) = [\d.]+, P", page)


def test_the_data_dictionary_explains_every_column(page):
    for table in TABLES.values():
        for column in table.columns:
            assert f"<code>{column.name}</code>" in page


def test_claims_on_one_paper_are_counted_as_one_piece_of_evidence(page):
    assert "4 on Jin et al. 2008, Mol Cancer Ther 7:48-58" in page


def test_the_same_results_give_the_same_page(results, tmp_path):
    assert bare(results, tmp_path) == bare(synthetic_results(), tmp_path)


def test_a_study_without_claims_estimates_or_findings_still_has_a_report(results, tmp_path):
    text = bare(without(results, "comparisons", "estimates", "findings", "populations"), tmp_path)
    assert "No check found anything to report." in text


def test_no_measurement_at_all_is_a_report_too(results, tmp_path):
    empty = without(results, "comparisons", "estimates", "measurements", "populations", "readouts")
    assert "0 independent experiments" in write_report(empty, tmp_path / "r.html").read_text(encoding="utf-8")


def test_criteria_are_counted_and_those_not_met_are_told_in_full(results, tmp_path):
    acceptance = pd.DataFrame(
        {
            "assay": "annexin_apoptosis", "plate": ["p1", "p2"], "unit_id": ["exp1", "exp2"], "context": "mono",
            "check": "vehicle_death", "value": [4.0, 17.2], "limit": 15.0, "unit": "%", "result": ["pass", "fail"],
            "dropped": [False, True], "message": ["", "vehicle of exp2 dies"],
        }
    )  # fmt: skip
    text = bare(replace(results, tables={**results.tables, "acceptance": acceptance}), tmp_path)
    assert "<td>15 %</td><td>4.00 to 17.2</td><td>1 of 2</td>" in text
    assert "<td>vehicle of exp2 dies</td>" in text


def test_an_answer_that_does_not_stand_without_one_unit_is_called_fragile(results, tmp_path):
    row = results.tables["estimates"].iloc[0]
    summary = pd.DataFrame([{
        "assay": row["assay"], "analysis": row["analysis"], "contrast": row["contrast"], "context": row["context"],
        "comparator_context": row["comparator_context"],
        "kind": "treatment", "says": "above zero", "variations": 9, "standing": 8, "weaker": 1, "changed": 0,
        "robust": "fragile", "doubts": "without exp3",
    }])  # fmt: skip
    text = bare(replace(results, tables={**results.tables, "robustness_summary": summary}), tmp_path)
    assert "0 of 1 contrasts stand" in text
    assert "Fragile:</span> the answer weakens or changes in these variations: without exp3." in text


def test_the_folder_holds_report_methods_workbook_and_figures_whoever_draws(results, tmp_path):
    few = without(results, "comparisons", "populations")
    few = replace(few, study=replace(few.study, assays=few.study.assays[:1]))
    few = replace(few, tables={**few.tables, "estimates": few.tables["estimates"].query("analysis == 'apoptosis'")})
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    alone.mkdir()
    shared.mkdir()
    write_report_folder(few, alone)
    with ThreadPoolExecutor(1) as executor:
        write_report_folder(few, shared, executor=executor)
    names = sorted(path.relative_to(alone).as_posix() for path in alone.rglob("*") if path.is_file())
    assert {"report.html", "methods.md", "tables.xlsx"} < set(names)
    assert all(f"figures/plates_cxcr4_surface.{kind}" in names for kind in ("pdf", "svg", "png"))
    assert all((alone / name).read_bytes() == (shared / name).read_bytes() for name in names)
