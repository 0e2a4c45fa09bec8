"""Inputs made to cost much are refused at once and in little memory; those that only look so are read.

Each runs in a process of its own: SECONDS of processor and MEGABYTES beyond what starting the program takes.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile

import pytest
from openpyxl import Workbook
from openpyxl.styles import Font

SECONDS, MEGABYTES = 2.0, 200
STUDY = 'assaykit = 1\ntitle = "t"\nunit = "experiment"\n[[assay]]\nprotocol = "adhesion"\n'
COUNTS = "experiment,treatment,adherent,input\n" + "".join(
    f"{n},{drug},{300 + n},1000\n" for n in (1, 2, 3) for drug in ("vehicle", "imatinib 1 uM")
)
MANY = "".join(f"k{i} = 1\n" for i in range(100_000))
WATCHED = """
import re, resource, sys
from pathlib import Path
sys.argv = ["assaykit", *sys.argv[1:]]
import assaykit.cli.app, assaykit.cli.rehearsal, assaykit.study, assaykit.cli.study, assaykit.cytometry.importing
import assaykit.stats.fit, assaykit.evidence, assaykit.cli.platemap, rich.table
def used():
    found = resource.getrusage(resource.RUSAGE_SELF)
    status = Path("/proc/self/status")  # its peak is of this program alone; ru_maxrss keeps the parent's
    most = int(re.search("VmHWM:\\s+(\\d+)", status.read_text())[1]) if status.exists() else 0
    return found.ru_utime + found.ru_stime, most / 1024
seconds, megabytes = used()
from assaykit.cli import main
try:
    main()
except SystemExit as done:
    code = done.code
else:
    code = 0
after, most = used()
print(f"\\nUSED {code} {after - seconds:.2f} {most:.0f}")
"""


def ran(*arguments: object) -> tuple[int, float, float, str]:
    """Return exit code, seconds of processor, most megabytes and the output of a command."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "COLUMNS": "200"}
    command = [sys.executable, "-c", WATCHED, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert "USED" in done.stdout, done.stdout[-500:] + done.stderr[-2000:]
    text, _, used = done.stdout.rpartition("\nUSED ")
    code, seconds, megabytes = used.split()
    return int(code), float(seconds), float(megabytes), text + done.stderr


def refused(*arguments: object) -> str:
    code, seconds, megabytes, text = ran(*arguments)
    assert code == 2, text
    assert "Traceback" not in text
    assert len(text) < 8_000
    assert seconds < SECONDS
    assert megabytes < MEGABYTES
    return text


def study(folder, extra: str, protocol: str = "adhesion", top: str = "") -> str:
    path = folder / "study.toml"
    path.write_text(top + STUDY.replace('"adhesion"', f'"{protocol}"') + extra, encoding="utf-8")
    (folder / "counts.csv").write_text(COUNTS)
    return str(path)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("wide.csv", ",".join(map(str, range(1_000_000))) + "\n", "at most 2,000 columns; found 1,000,000"),
        ("long.csv", "a,b,c,d,e,f\n" + "1,2,3,4,5,6\n" * 200_000, "at most 500,000 cells"),
        ("block.toml", '[block.99999x99999.A1]\ntreatment = "vehicle"\n', "found '99999x99999'"),
        ("lines.toml", '[row."A,B,...,ZZ"]\na = 1\n[col."1,2,...,999"]\n', "must stay on a plate of 1536 wells"),
        ("keys.toml", MANY + '[well.A1]\ntreatment = "vehicle"\n', "found 100,001, such as k0, k1, k2, k3, k4"),
        ("factors.toml", "[well.A1]\n" + MANY, "found 100,000, such as k0"),
        ("deep.toml", "a = " + "[" * 100_000 + "]" * 100_000, "at most 100 tables or brackets"),
        ("dots.toml", "a" + ".a" * 1_000_000 + " = 1", "a key of more parts in row 1"),
        ("digits.toml", "[well.A1]\na = " + "9" * 100_000, "numbers that can be read"),
    ],
)
def test_a_vast_layout_is_refused(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    assert said in refused("check", study(tmp_path, f'plates = ["{name}"]\nfcs = "fcs"\n'))


@pytest.mark.parametrize(
    ("name", "content"),
    [("study.toml", "assaykit = 1\n" + MANY), ("p.toml", "assaykit = 1\n" + MANY), ("d.toml", MANY), ("c.toml", MANY)],
)
def test_a_hundred_thousand_keys_are_told_by_the_first_few_and_how_many(tmp_path, name, content):
    keys = {"p.toml": "", "d.toml": 'drugs = ["d.toml"]\n', "c.toml": 'claims = ["c.toml"]\n'}.get(name, "")
    protocol = "p.toml" if name == "p.toml" else "adhesion"
    path = study(tmp_path, 'counts = ["counts.csv"]\n', protocol, keys)
    (tmp_path / name).write_text(content)
    assert "found 100,00" in (said := refused("check", path))
    assert "k0, k1" in said


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("adherent ~ I(9**9**9)", "must be computable"),
        ("adherent ~ " + "*".join(f"a{i}" for i in range(24)), "at most 256 terms"),
        ("adherent ~ " + "(" * 100_000, "at most 2,000 characters"),
        ("adherent ~ I(" + "-" * 1_500 + "input)", "a variable of a formula must be"),
    ],
)
def test_a_vast_formula_is_refused(tmp_path, formula, said):
    (tmp_path / "counts.csv").write_text(COUNTS)
    assert said in refused("fit", tmp_path / "counts.csv", "--unit", "experiment", "--formula", formula)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "bomb.xml",
            '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">' + "".join(
                f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9)
            ) + "]><a>&j;</a>",
            "without a document type",
        ),
        ("deep.xml", "<a>" * 500_000 + "</a>" * 500_000, "at most 100 elements within each other"),
        ("deep.wsp", "<a>" * 500_000 + "</a>" * 500_000, "at most 100 elements within each other"),
    ],
)  # fmt: skip
def test_vast_xml_is_refused(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    assert said in refused("gates", "import", tmp_path / name, "--to", tmp_path / "p.toml")


def workbook(folder, change=str):
    book = Workbook()
    for line in COUNTS.splitlines():
        book.active.append([int(cell) if cell.isdigit() else cell for cell in line.split(",")])
    change(book.active)
    book.save(folder / "counts.xlsx")
    return folder / "counts.xlsx"


def test_a_format_that_strays_to_the_last_row_and_column_is_read(tmp_path):
    def stray(sheet):
        sheet.cell(1_048_576, 5).font = Font(bold=True)
        sheet.cell(3, 16_384).font = Font(bold=True)

    workbook(tmp_path, stray)
    code, _, megabytes, text = ran("check", study(tmp_path, 'counts = ["counts.xlsx"]\n'))
    assert (code, "6 wells" in text) == (0, True), text
    assert megabytes < 250  # openpyxl and the rehearsal of the design, not a million rows


@pytest.mark.parametrize(
    ("before", "added", "said"),
    [
        (
            b"</sheetData>",
            b'<row r="99999">' + b'<c r="A1" s="1"/>' * 2_000_000 + b"</row></sheetData>",
            "1,000,000 cells",
        ),
        (
            b"</sheetData>",
            b'</sheetData><mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>',
            "1,000,000 cells",
        ),
        (b"<worksheet", b"<!DOCTYPE a><worksheet", "no document type"),
    ],
)
def test_a_workbook_that_unpacks_to_millions_is_refused(tmp_path, before, added, said):
    data = workbook(tmp_path).read_bytes()
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in source.namelist():
            content = source.read(name)
            archive.writestr(name, content.replace(before, added) if name.endswith("sheet1.xml") else content)
    (tmp_path / "counts.xlsx").write_bytes(target.getvalue())
    assert said in refused("check", study(tmp_path, 'counts = ["counts.xlsx"]\n'))
