"""Tables of statistics as each program exports them: samples, headings and numbers, whatever their order."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from assaykit.errors import StatisticsError
from assaykit.plate.draft import Entry
from assaykit.plate.headings import heading_from_text
from assaykit.plate.statistics import read_statistics, statistic_from_entry

FLOWJO = """\
,Cells/Live | Count,Cells/Live | Median (Comp-PE-A :: CXCR4),Cells/Live/Annexin+ | Freq. of Parent (%),
Specimen_001_A1_A01.fcs,8123,"5.321,5","12,3",
Specimen_001_A2_A02.fcs,7980,2310,n.d.,
Mean,8051,3816,12,
SD,101,2129,0,
"""
DIVA = """\
Experiment Name,Plate Name,Specimen Name,Well Name,Record Date,$OP,All Events #Events,Live %Parent,Live PE-A Median
exp1,Plate_001,Specimen_001,A01,"Nov 9, 2021 1:21:07 PM",me,10000,81.2,5321
exp1,Plate_001,Specimen_001,A02,"Nov 9, 2021 1:22:07 PM",me,10000,79.8,2310
"""
CYTEXPERT = """\
Experiment Name: CXCR4 day 1
Tube Name: A1-vehicle,,,
Population,Events,% Total,% Parent,Median PE-A
All Events,10000,100.00 %,###,50
Live,8123,81.23 %,81.23 %,5321

Tube Name: A2-imatinib,,,
Population,Events,% Total,% Parent,Median PE-A
Live,7980,79.80 %,79.80 %,2310
"""
ATTUNE = """\
Plate,Sample,Well,Gate,Count,%Total,%Gated,X Parameter,X Median,Y Parameter,Y Median
P1,vehicle,A1,R1,8123,81.2,81.2,YL1-A,5321,FSC-A,100000
P1,vehicle,A1,R2,812,8.1,10.0,YL1-A,9000,BL1-A,300
P1,imatinib,A2,R1,7980,79.8,79.8,YL1-A,2310,FSC-A,100100
"""
KALUZA = """\
Data Set;Gate;Number;%Total;%Gated;X-Med;Y-Med
A01 vehicle.lmd;Live;8123;81,23;81,23;5321,5;100
A01 vehicle.lmd;Annexin+;812;8,12;10,0;9000;200
A02 imatinib.lmd;Live;7980;79,80;79,80;2310,4;100
"""
MACSQUANTIFY = """\
Full path;WID;%-#;Count/mL
P1;A1;81,2;8,1E5
P1/P2;A1;10,1;8,1E4
---;---;---;---
P1;A2;79,8;7,9E5
"""
NOVOEXPRESS = """\
Specimen,Sample,Plate,Well ID,Run Time,Live Count,Live % Parent,Live Median PE-H
K562,vehicle,P1,A01,00:01:02,8123,81.2%,5321
K562,imatinib,P1,A02,00:01:02,7980,79.8%,2310
"""
PLAIN = """\
experiment,treatment,% apoptotic,CXCR4 MFI
E1,vehicle,5.3,5321
E1,imatinib 1 uM,25.3,2321
"""


def table(folder: Path, text: str, name: str = "t.csv"):
    (folder / name).write_text(text)
    (read,) = read_statistics(folder / name)
    return read


def numbers(read, heading: str) -> list[float | None]:
    found = [sample.numbers.get(heading) for sample in read.samples]
    return [statistic_from_entry(entry, decimal=read.decimal).value if entry else None for entry in found]


@pytest.mark.parametrize(
    ("text", "names", "heading", "values"),
    [
        (FLOWJO, ["Specimen_001_A1_A01.fcs", "Specimen_001_A2_A02.fcs"],
         "Cells/Live | Median (Comp-PE-A :: CXCR4)", [5321.5, 2310.0]),
        (DIVA, ["Specimen_001", "Specimen_001"], "Live PE-A Median", [5321.0, 2310.0]),
        (CYTEXPERT, ["A1-vehicle", "A2-imatinib"], "Live | % Parent", [81.23, 79.8]),
        (ATTUNE, ["vehicle", "imatinib"], "R1 | Median (YL1-A)", [5321.0, 2310.0]),
        (KALUZA, ["A01 vehicle.lmd", "A02 imatinib.lmd"], "Annexin+ | %Gated", [10.0, None]),
        (MACSQUANTIFY, ["A1", "A2"], "P1 | Count/mL", [810_000.0, 790_000.0]),
        (NOVOEXPRESS, ["K562_vehicle", "K562_imatinib"], "Live % Parent", [81.2, 79.8]),
        (PLAIN, ["row 2", "row 3"], "CXCR4 MFI", [5321.0, 2321.0]),
    ],
    ids=["FlowJo", "FACSDiva", "CytExpert", "Attune", "Kaluza", "MACSQuantify", "NovoExpress", "plain"],
)  # fmt: skip
def test_each_program_s_table_gives_its_samples_and_numbers(tmp_path, text, names, heading, values):
    read = table(tmp_path, text)
    assert [sample.name for sample in read.samples] == names
    assert numbers(read, heading) == values


def test_rows_of_populations_become_headings_by_population_and_blank_rows_none(tmp_path):
    headings = [heading.text for heading in table(tmp_path, CYTEXPERT).headings.values()]
    assert headings == [f"{gate} | {column}" for gate in ("All Events", "Live")
                        for column in ("Events", "% Total", "% Parent", "Median PE-A")]  # fmt: skip


def test_mean_and_sd_at_the_foot_are_no_samples(tmp_path):
    assert len(table(tmp_path, FLOWJO).samples) == 2


def test_wells_and_plates_of_a_table_are_kept_as_written(tmp_path):
    sample = table(tmp_path, DIVA).samples[1]
    assert (sample.well, sample.plate) == ("A02", "Plate_001")


def test_a_plain_table_keeps_its_factors_beside_its_numbers(tmp_path):
    sample = table(tmp_path, PLAIN).samples[1]
    assert {name: entry.value for name, entry in sample.columns.items()} == {
        "experiment": "E1",
        "treatment": "imatinib 1 uM",
    }


@pytest.mark.parametrize(
    ("text", "population", "statistic", "channel", "unit"),
    [
        ("Cells/Live | Geometric Mean (Comp-PE-A :: CXCR4)", "Cells/Live", "geometric_mean", "PE-A", ""),
        ("Live | Freq. of Grandparent", "Live", "percent_of_grandparent", "", ""),
        ("Q1: CD27- , CD95+ | Freq. of CD4+ (%)", "Q1: CD27- , CD95+", "percent", "", "percent"),
        ("All Events #Events", "All Events", "count", "", ""),
        ("P1 Alexa Fluor 488-A Median", "P1", "median", "Alexa Fluor 488-A", ""),
        ("M3 Median FITC-H", "M3", "median", "FITC-H", ""),
        ("R2 Abs Count", "R2", "count", "", ""),
        ("P1 | Count/mL", "P1", "concentration", "", "per mL"),
        ("fraction apoptotic", "apoptotic", "percent", "", "fraction"),
        ("Live | Robust CV (PE-A)", "Live", "robust_cv", "PE-A", ""),
        ("Record Date", "", "", "", ""),
        ("treatment", "", "", "", ""),
    ],
)
def test_a_heading_says_population_statistic_channel_and_unit(text, population, statistic, channel, unit):
    heading = heading_from_text(text)
    assert (heading.population, heading.statistic) == (population, statistic)
    assert (heading.channel, heading.unit) == (channel, unit)


@pytest.mark.parametrize(
    ("text", "value", "percent"),
    [("12.3 %", 12.3, True), ("12,3%", 12.3, True), ("1 234", 1234.0, False), ("1.234.567,8", 1234567.8, False)],
)
def test_numbers_are_read_as_people_and_programs_write_them(text, value, percent):
    number = statistic_from_entry(Entry(text, "A1"))
    assert (number.value, number.percent, number.problem) == (value, percent, "")


@pytest.mark.parametrize("text", ["n.d.", "###", "1,234", "#DIV/0!", "> 5"])
def test_what_is_no_number_or_two_says_so_and_is_none(text):
    number = statistic_from_entry(Entry(text, "A1"))
    assert number.value is None
    assert text in number.problem


def test_a_workbook_s_percent_format_and_broken_formula_are_told(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Sample", "Live | Freq. of Parent", "Live | Median (PE-A)"])
    sheet.append(["A1.fcs", 0.123, "#DIV/0!"])
    sheet["B2"].number_format = "0.0%"
    book.save(tmp_path / "t.xlsx")
    (read,) = read_statistics(tmp_path / "t.xlsx")
    share, broken = (statistic_from_entry(entry) for entry in read.samples[0].numbers.values())
    assert (share.value, share.percent) == (pytest.approx(12.3), True)  # approx: 100 times a binary fraction
    assert "#DIV/0!" in broken.problem


def test_one_sample_with_two_values_under_one_heading_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("Sample,Gate,%Gated\nA1.fcs,Live,80\nA1.fcs,Live,81\n")
    with pytest.raises(StatisticsError, match=r"one value under a heading; found '80' and '81' for A1\.fcs"):
        read_statistics(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.xls", "x", r"found '\.xls'\. Try: open it in a spreadsheet program and save it as \.xlsx"),
        ("t.csv", "well,treatment\nA1,vehicle\n", "a row per sample under headings such as 'Live | Median"),
        ("t.csv", "", "a row per sample"),
    ],
)
def test_what_is_no_table_of_statistics_says_what_one_is(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(StatisticsError, match=said.replace("|", r"\|")):
        read_statistics(tmp_path / name)
