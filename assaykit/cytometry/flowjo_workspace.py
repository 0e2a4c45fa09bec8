"""What a FlowJo 10 workspace says before any gate is read: its program, samples, groups, and FlowJo's own counts.

XML -> root, refused where it is of another program or holds what no reader here can take
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from assaykit.errors import GateError
from assaykit.sources import xml_from_file

Element = ET.Element
ROOT = "root"
POPULATIONS = ("Population", "AndNode", "OrNode", "NotNode")
_UNREADABLE_NAMES = (".", "..", "", ROOT)


def workspace_root(path: Path) -> Element:
    """Return the root of a workspace of FlowJo 10; GateError where the file is another program's, named as such."""
    root = xml_from_file(path, "a FlowJo workspace", GateError, label=str(path))
    tag, version = root.tag.rpartition("}")[2], root.get("flowJoVersion", "")
    if tag != "Workspace":
        program = {"bdfacs": "a FACSDiva experiment", "Gating-ML": "a Gating-ML file (name it .xml)"}.get(
            tag, f"<{tag}>"
        )
        raise GateError(
            "a FlowJo workspace must be of FlowJo 10", program, str(path), "export the gates from FlowJo 10"
        )
    if version and not re.match(r"(?:1[0-9]|[2-9][0-9])\b", version):
        found = f"one of FlowJo {version}"
        raise GateError("a FlowJo workspace must be of FlowJo 10", found, str(path), "open it in FlowJo 10 and save it")
    for sample, place, _ in _all_populations(root):
        if place[-1] in _UNREADABLE_NAMES:
            found = f"a gate named '{place[-1]}' below {'/'.join(place[1:-1]) or 'all cells'} in sample {sample}"
            raise GateError(
                "a gate must have a name of its own", found, str(path), "rename it in FlowJo and save again"
            )
    return root


def _all_populations(root: Element) -> Iterator[tuple[str, tuple[str, ...], int]]:
    for node in root.iter("SampleNode"):
        for place, count in _populations(node, (ROOT,)):
            yield node.get("name", ""), place, count


def _populations(node: Element, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    for child in node.iterfind("Subpopulations/*"):
        if child.tag in POPULATIONS:
            place = (*above, child.get("name", ""))
            text = child.get("count", "")
            yield place, int(text) if re.fullmatch(r"[0-9]{1,18}", text) else -1
            yield from _populations(child, place)


def counts_by_sample(root: Element) -> dict[str, Mapping[tuple[str, ...], int]]:
    """Return sample -> path of a gate -> the cells FlowJo counted there; -1 where it did not."""
    samples: dict[str, dict[tuple[str, ...], int]] = {node.get("name", ""): {} for node in root.iter("SampleNode")}
    for sample, place, count in _all_populations(root):
        samples[sample][place] = count
    return dict(samples)


@dataclass(frozen=True, slots=True)
class WorkspaceSample:
    """A sample of a workspace: the FCS file's name, its keywords with those a person added, and its groups."""

    name: str
    keywords: Mapping[str, str]
    groups: tuple[str, ...]


def workspace_samples(path: Path) -> tuple[WorkspaceSample, ...]:
    """Return the samples of a FlowJo 10 workspace in its order; groups without those that FlowJo makes by itself."""
    root = workspace_root(path)
    groups: dict[str, list[str]] = {}
    for node in root.iter("GroupNode"):
        if node.get("name", "") not in ("All Samples", ""):
            for reference in node.iter("SampleRef"):
                groups.setdefault(reference.get("sampleID", ""), []).append(node.get("name", ""))
    found = []
    for sample in root.iter("Sample"):
        for node in sample.iter("SampleNode"):
            told = {
                (word.get("name") or word.get("attribute") or "").strip(): (word.get("value") or "").strip()
                for word in sample.iter("Keyword")
            }
            name, identity = node.get("name", ""), node.get("sampleID", "")
            found.append(WorkspaceSample(name, told, tuple(groups.get(identity, ()))))
    return tuple(found)


def samples_of_group(root: Element, group: str, where: str) -> tuple[str, ...]:
    """Return the samples of a group, by name; GateError where there is no such group."""
    names = {node.get("sampleID", ""): node.get("name", "") for node in root.iter("SampleNode")}
    groups = {
        node.get("name", ""): [ref.get("sampleID", "") for ref in node.iter("SampleRef")]
        for node in root.iter("GroupNode")
    }
    if group not in groups:
        raise GateError(
            "the group must be one of the workspace", f"'{group}'", where, f"--group one of {', '.join(groups)}"
        )
    return tuple(names[identity] for identity in groups[group] if identity in names)


def as_flowkit_expects(workspace: bytes) -> bytes:
    """Return the workspace with what FlowKit needs of every matrix: older ones of FlowJo 10 do not say `spectral`."""
    return re.sub(rb"<(\w+:)?spilloverMatrix(?![^>]*\sspectral=)", rb'\g<0> spectral="0"', workspace)
