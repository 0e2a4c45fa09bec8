"""`ro-crate-metadata.json`: what lies in a results folder, for repositories that read RO-Crate 1.1.

Source: RO-Crate Metadata Specification 1.1, https://w3id.org/ro/crate/1.1.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assaykit.results.manifest import CRATE, files_below

_CONTEXT = "https://w3id.org/ro/crate/1.1/context"


def write_crate(folder: Path, provenance: Mapping[str, Any]) -> None:
    """Write the metadata of every file in `folder`."""
    entries = []
    for path in files_below(folder):
        kind, _ = mimetypes.guess_type(path.name)
        entry = {"@id": path.relative_to(folder).as_posix(), "@type": "File", "contentSize": path.stat().st_size}
        entries.append(entry | ({"encodingFormat": kind} if kind else {}))
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": provenance.get("title", ""),
        "description": f"Results of assaykit {provenance.get('assaykit', '')}",
        "hasPart": [{"@id": entry["@id"]} for entry in entries],
    }
    about = {
        "@id": CRATE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    crate = {"@context": _CONTEXT, "@graph": [about, root, *entries]}
    text = json.dumps(crate, indent=1, ensure_ascii=False)
    (folder / CRATE).write_text(text + "\n", encoding="utf-8", newline="\n")
