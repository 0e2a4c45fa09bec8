"""Seeded changes that know the structure they change: elements of XML, lines and values of TOML, cells of tables."""

from __future__ import annotations

import copy
import io
import random
import re
import zipfile
from xml.etree import ElementTree as ET

HOSTILE = (
    "", " ", "0", "-1", "nan", "inf", "1e999", "1,5", "1,000", "abc", "9" * 400, "[/]", "$\\frac{", "\x1b[2J", "..",
    ".", "/**", "../" * 40, "*", "{well}", "A1", "ZZ999", "true", "2024-13-45", "=1+1", "'", '"', "\u202e", "x" * 5000,
    "[" * 50, "imatinib", "1 uM", "imatinib 1 uM + imatinib 2 uM", "\ud7ff", "None",
)  # fmt: skip


def mutated_xml(text: str, dice: random.Random) -> bytes:  # noqa: C901 - one match of the eight kinds of change
    """Return the document with one to three elements or attributes changed, or its bytes damaged."""
    root = ET.fromstring(text)
    for _ in range(dice.randint(1, 3)):
        parents = {child: parent for parent in root.iter() for child in parent}
        element = dice.choice(list(root.iter()))
        match dice.randrange(8):
            case 0 if element.attrib:
                del element.attrib[dice.choice(list(element.attrib))]
            case 1 | 2 if element.attrib:
                element.attrib[dice.choice(list(element.attrib))] = _plain(dice.choice(HOSTILE))
            case 3 if element in parents:
                parents[element].remove(element)
            case 4 if element in parents:
                parents[element].append(copy.deepcopy(element))
            case 5:
                element.append(copy.deepcopy(dice.choice([e for e in root.iter() if len(list(e.iter())) < 20])))
            case 6:
                element.tag = dice.choice([e.tag for e in root.iter()])
            case 7 if element.attrib:
                other = dice.choice([e for e in root.iter() if e.attrib])
                element.attrib[dice.choice(list(element.attrib))] = dice.choice(list(other.attrib.values()))
    data = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    for prefix, uri in re.findall(r'xmlns:([\w-]+)="([^"]+)"', text):  # programs look for their own prefixes
        made = re.search(rf'xmlns:(\w+)="{re.escape(uri)}"', data.decode())
        if made:
            data = re.sub(rb"(?<=[</ :])" + made[1].encode() + rb"(?=[:=])", prefix.encode(), data)
    return damaged(data, dice) if dice.random() < 0.15 else data


def _plain(text: str) -> str:
    return re.sub(r"[\x00-\x08\x0b-\x1f]", "?", text)


def mutated_text(text: str, dice: random.Random) -> bytes:
    """Return a TOML file or a table with one to three lines, values or cells changed, or its bytes damaged."""
    lines = text.splitlines()
    for _ in range(dice.randint(1, 3)):
        place = dice.randrange(len(lines))
        match dice.randrange(6):
            case 0:
                del lines[place]
                lines = lines or [""]
            case 1:
                lines.insert(dice.randrange(len(lines) + 1), lines[place])
            case 2 | 3:
                cut = re.split(r"([,;=\t\"\[\]{}. ])", lines[place])
                cut[dice.randrange(len(cut))] = dice.choice(HOSTILE)
                lines[place] = "".join(cut)
            case 4:
                key, _, _ = lines[place].partition("=")
                value = dice.choice(
                    ['"x"', "[]", "{}", "[[1]]", "-5", "1.5", "1979-05-27", "true", '{ a = "b" }', "inf"]
                )
                lines[place] = f"{key}= {value}"
            case 5:
                lines.insert(place, dice.choice(HOSTILE))
    data = "\n".join(lines).encode("utf-8", "surrogatepass")
    return damaged(data, dice) if dice.random() < 0.2 else data


def mutated_zip(data: bytes, dice: random.Random) -> bytes:
    """Return a workbook with the XML of one member changed as text, or its bytes damaged."""
    if dice.random() < 0.3:
        return damaged(data, dice)
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w") as archive:
        chosen = dice.choice(source.namelist())
        for name in source.namelist():
            content = source.read(name)
            if name == chosen:
                parts = re.split(rb"([<>\"= ])", content)
                for _ in range(dice.randint(1, 3)):
                    parts[dice.randrange(len(parts))] = dice.choice(HOSTILE).encode("utf-8", "replace")
                content = b"".join(parts)
            if name != chosen or dice.random() < 0.9:
                archive.writestr(name, content)
    return target.getvalue()


def damaged(data: bytes, dice: random.Random) -> bytes:
    """Return the bytes cut off, overwritten, or in another encoding."""
    place = dice.randrange(max(1, len(data)))
    match dice.randrange(5):
        case 0:
            return data[:place]
        case 1:
            return data[:place] + bytes(dice.randrange(256) for _ in range(4)) + data[place + 4 :]
        case 2:
            return data.decode("latin-1").encode("utf-16")[: dice.choice([None, -1])]
        case 3:
            return data.replace(b"\n", b"\r")
        case _:
            return data[:place] + b"\0" + data[place:]
