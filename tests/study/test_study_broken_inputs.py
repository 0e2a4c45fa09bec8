"""Every broken input of tests/data/broken says exactly what its table says, as a biologist would."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from assaykit.errors import AssaykitError, Faults
from assaykit.plate import Columns, read_counts, read_plates
from assaykit.study import missing_files, read_study

BROKEN = Path(__file__).parent.parent / "data" / "broken"
INPUTS = tomllib.loads((BROKEN / "messages.toml").read_text(encoding="utf-8"))["input"]
KNOWN = Columns(("experiment",), ())
PYTHON = re.compile(
    r"\b(None|NoneType|Traceback|[A-Z]\w*Error|Exception|dict|list|tuple|str|int|float|bool|object|attribute|argument"
    r"|True|False|NaN|nan|null|self|lambda|regex|parse[rd]?|string|boolean|integer|iterable|index)\b"
)


def said(path: Path, reader: str) -> list[str]:
    """Return the messages of a refusal, or the findings of a study that is read."""
    try:
        match reader:
            case "layout":
                read_plates(path, KNOWN)
            case "counts":
                read_counts(path, KNOWN)
            case _:
                study = read_study(path)
                found = (*study.findings, *missing_files(study))
                return [f"{f.level} {f.check} {f.plate} {f.well}: {f.message}" for f in found]
    except Faults as faults:
        return [str(fault) for fault in faults.errors]
    except AssaykitError as error:
        return [str(error)]
    return []


@pytest.mark.parametrize("case", INPUTS, ids=[case["file"] for case in INPUTS])
def test_a_broken_input_says_what_is_wrong_where_and_what_to_do(case):
    assert said(BROKEN / case["file"], case["reader"]) == case["says"]


def test_there_are_more_than_sixty_and_each_says_something():
    assert len(INPUTS) > 60
    assert all(case["says"] for case in INPUTS)


def test_no_message_holds_a_word_of_python():
    assert [text for case in INPUTS for text in case["says"] if PYTHON.search(text)] == []


def test_every_refusal_names_its_file():
    refusals = [(case["file"], text) for case in INPUTS if case["reader"] != "findings" for text in case["says"]]
    assert [file for file, text in refusals if not re.match(r"\S+\.(toml|csv|xlsx|docx)", text)] == []


@pytest.mark.parametrize(
    "file", ["layouts/two_faults.toml", "layouts/faults_on_two_sheets.xlsx", "counts/two_faults.csv"]
)
def test_two_faults_in_one_file_give_two_messages(file):
    assert len(next(case["says"] for case in INPUTS if case["file"] == file)) == 2
