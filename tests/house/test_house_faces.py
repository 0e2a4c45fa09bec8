"""Every package has a face: others import `assaykit.X`, never its inner modules."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

import assaykit

SOURCE = Path(assaykit.__file__).parent
PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
FACES = {
    contract["name"].removeprefix("The face of "): contract
    for contract in PROJECT["tool"]["importlinter"]["contracts"]
    if contract["type"] == "protected"
}
PACKAGES = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))


def inner_imports(importer: str, package: str) -> list[str]:
    """Return the modules within a package that the files of another import; a wing's face is none of them."""
    named = [
        node.module or ""
        for path in (SOURCE / importer).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    ]
    inner = [name for name in named if name.startswith(f"assaykit.{package}.")]
    return [name for name in inner if not (SOURCE.parent / name.replace(".", "/") / "__init__.py").exists()]


def test_every_package_has_a_contract_for_its_face():
    assert sorted(FACES) == PACKAGES


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_package_imports_what_is_within(package):
    assert FACES[package]["allowed_importers"] == [f"assaykit.{package}"]
    assert {name: inner for name in set(PACKAGES) - {package} if (inner := inner_imports(name, package))} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_face_names_what_it_exports_and_nothing_private(package):
    lines = ast.parse((SOURCE / package / "__init__.py").read_text(encoding="utf-8")).body
    imported = {alias.name for line in lines if isinstance(line, ast.ImportFrom) for alias in line.names}
    exported = [ast.literal_eval(line.value) for line in lines if isinstance(line, ast.Assign)]
    assert sorted(imported - {"annotations"}) == sorted(*exported or [[]])
    assert not [name for name in imported if name.startswith("_")]
