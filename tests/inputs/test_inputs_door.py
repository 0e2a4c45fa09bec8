"""What is no file, a folder that may not be read, text in the wrong letters: each ends in one sentence."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assaykit.cli.app import app
from assaykit.errors import AssaykitError, Faults, InputError, LayoutError, StudyError
from assaykit.plate import read_counts, read_plates
from assaykit.sources import MOST_FOUND, bytes_from_file, paths_from_pattern
from assaykit.study import read_study

TABLE = "experiment,treatment,migrated,input\n1,vehicle,1,10\n2,vehicle,2,10\n"
STUDY = 'assaykit = 1\ntitle = "t"\nunit = "experiment"\n{top}[[assay]]\nprotocol = "{protocol}"\n{extra}\n'


def said(folder: Path, extra: str, *, protocol: str = "adhesion", top: str = "") -> str:
    (folder / "study.toml").write_text(STUDY.format(top=top, protocol=protocol, extra=extra), encoding="utf-8")
    with pytest.raises(AssaykitError) as refused:
        read_study(folder / "study.toml")
    return str(refused.value)


@pytest.mark.parametrize("make", ["fifo", "folder", "loop", "dangling"])
@pytest.mark.parametrize("key", ["study", "counts", "plates", "protocol", "drugs", "gates", "ledger", "table"])
def test_what_is_no_ordinary_file_is_told_and_never_waited_for(tmp_path, key, make):
    path = tmp_path / {"gates": "x.wsp", "plates": "x.toml", "protocol": "x.toml", "drugs": "x.toml"}.get(key, "x.csv")
    match make:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "loop":
            path.symlink_to(path)
        case "dangling":
            path.symlink_to(tmp_path / "nothing")
    begin = time.monotonic()
    commands = {
        "study": ["check", str(path)],
        "gates": ["gates", "import", str(path), "--to", str(tmp_path / "p.toml")],
        "ledger": ["evidence", "show", "EN-10", "--ledger", str(path)],
        "table": ["fit", str(path), "--unit", "a", "--formula", "b ~ c"],
    }
    if key in commands:
        done = CliRunner().invoke(app, commands[key])
        assert done.exit_code == 2 or isinstance(done.exception, AssaykitError), (done.output, done.exception)
        text = done.output + str(done.exception)
    else:
        extra = {"counts": 'counts = ["x.csv"]', "plates": 'plates = ["x.toml"]', "protocol": 'counts = ["y.csv"]'}
        top = 'drugs = ["x.toml"]\n' if key == "drugs" else ""
        (tmp_path / "y.csv").write_text(TABLE.replace("migrated", "adherent"))
        text = said(
            tmp_path,
            extra.get(key, 'counts = ["y.csv"]'),
            protocol="x.toml" if key == "protocol" else "adhesion",
            top=top,
        )
    words = {"fifo": ("pipe", "ordinary file"), "folder": ("folder", "ordinary"), "loop": ("link", "ordinary"),
             "dangling": ("must exist", "ordinary")}  # fmt: skip
    assert any(word in text for word in words[make]), text
    assert time.monotonic() - begin < 60


class Refusing:
    """A path whose every look is refused, as without rights; root may read whatever a test forbids."""

    name = "x.csv"

    def stat(self):
        raise PermissionError(13, "Permission denied")


def test_a_file_without_rights_is_told():
    with pytest.raises(LayoutError, match=r"found permission denied\. Try: ask for the right to read it"):
        bytes_from_file(Refusing(), "a table", LayoutError, most=10)


def test_a_folder_without_rights_is_told(tmp_path, monkeypatch):
    def refusing(_):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "fcs").mkdir()
    monkeypatch.setattr("os.scandir", refusing)
    with pytest.raises(InputError, match="permission denied"):
        paths_from_pattern(tmp_path, "fcs/*.fcs")


@pytest.mark.parametrize("pattern", ["/**", "/**/*.csv", "/*", "../" * 40 + "**/*.csv", "~"])
def test_a_pattern_that_searches_a_whole_disk_is_refused(tmp_path, pattern):
    home = os.path.expanduser("~")  # noqa: PTH111 - as the policy asks
    with pytest.raises(InputError, match="must mean the files of one study"):
        paths_from_pattern(tmp_path, f"{home}/**" if pattern == "~" else pattern)


def test_a_pattern_of_more_files_than_a_study_has_is_refused(tmp_path, monkeypatch):
    for n in range(6):
        (tmp_path / f"{n}.csv").touch()
    assert len(paths_from_pattern(tmp_path, "*.csv")) == 6
    monkeypatch.setattr("assaykit.sources.MOST_FOUND", 5)
    with pytest.raises(InputError, match="more than 5 files"):
        paths_from_pattern(tmp_path, "*.csv")
    monkeypatch.setattr("assaykit.sources.MOST_FOUND", MOST_FOUND)
    monkeypatch.setattr("assaykit.sources.MOST_VISITED", 5)
    with pytest.raises(InputError, match="files and folders to look at"):
        paths_from_pattern(tmp_path, "*.tsv")


def test_inputs_may_lie_outside_the_study_and_nothing_is_written_there(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "study").mkdir()
    (tmp_path / "data" / "counts.csv").write_text(TABLE.replace("migrated", "adherent"))
    before = sorted((tmp_path / "data").iterdir())
    extra = f'counts = ["../data/*.csv", "{tmp_path}/data/counts.csv"]'
    (tmp_path / "study" / "study.toml").write_text(STUDY.format(top="", protocol="adhesion", extra=extra))
    out = tmp_path / "out"
    done = CliRunner().invoke(
        app, ["run", str(tmp_path / "study" / "study.toml"), "-o", str(out), "--no-robust", "--no-report", "-w", "1"]
    )
    assert done.exit_code == 0, done.output
    assert sorted((tmp_path / "data").iterdir()) == before


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (TABLE.encode("utf-16")[:-1], "UTF-16 with an odd number of bytes, as of a file cut off in row 3"),
        (TABLE.encode("utf-16") + b"\x00\xd8\x00\xd8", "UTF-16 with bytes that are no letter in row"),
        (TABLE.encode() + b"3,\0vehicle,1,2\n", "a NUL byte in row 4"),
        (TABLE.encode() + "3,µ,1,2\n".encode() + b"4,\xb5,1,2\n", "UTF-8 mixed with another in row 5"),
        (TABLE.encode() + b"4,\x81,1,2\n", "the byte 0x81 in row 4"),
        (TABLE.encode() + b'4,"vehicle,1,2\n', "a quote that is not closed"),
        (TABLE.replace("2,vehicle,2,10", "2;vehicle;2;10").encode(), "';' in row 3, ',' in row 1"),
        (TABLE.replace(",", ";", 3).encode(), "';' in row 1, ',' in row 2"),
        (b"\xff\xfe\x00\x00" + TABLE.encode("utf-32-le"), "NUL byte"),
    ],
)
def test_text_in_other_letters_is_told_with_file_and_row(tmp_path, data, words):
    path = tmp_path / "counts.csv"
    path.write_bytes(data)
    with pytest.raises(AssaykitError) as refused:
        read_counts(path)
    assert words in str(refused.value)
    assert str(refused.value).startswith("counts.csv")


@pytest.mark.parametrize(
    "data",
    [
        TABLE.encode("utf-8-sig"),
        TABLE.encode("utf-16"),
        TABLE.encode("utf-16-le"),
        TABLE.replace("\n", "\r").encode(),
        TABLE.replace("\n", "\r\n").encode(),
        ("sep=,\n" + TABLE).encode(),
        TABLE.replace(",", "\t").encode("utf-16"),
        ("Plate 1 of May\n" + TABLE).encode(),
        TABLE.replace("vehicle", '"vehicle"').encode(),
        TABLE.encode() + "# 5 µM\n".encode("cp1252"),
    ],
)
def test_what_spreadsheets_write_is_read(tmp_path, data):
    path = tmp_path / "counts.csv"
    path.write_bytes(data)
    assert [row.counts["migrated"] for row in read_counts(path).wells] == [1.0, 2.0]


def test_many_faults_of_one_kind_are_told_as_five_and_a_count(tmp_path):
    rows = "".join(f"Z{n},vehicle\n" for n in range(13, 60))
    (tmp_path / "plate.csv").write_text("well,treatment\n" + rows)
    with pytest.raises(Faults) as refused:
        read_plates(tmp_path / "plate.csv")
    assert len(refused.value.errors) == 6
    assert "found 42 more like the last" in str(refused.value)


def test_a_refusal_of_a_page_long_value_is_short():
    assert len(str(StudyError("a key must be known", "x" * 100_000))) < 1_000
