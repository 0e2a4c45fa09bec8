"""Every package has a face: others import `assaykit.X`, and who still does not is named in a contract."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

import assaykit

SOURCE = Path(assaykit.__file__).parent
PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
FACES = {
    contract["protected_modules"][0].split(".")[1]: contract
    for contract in PROJECT["tool"]["importlinter"]["contracts"]
    if contract["type"] == "protected"
}
PACKAGES = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))


def inner_imports(importer: str, package: str) -> list[str]:
    """Return the imports of a package's inner modules in the files of another."""
    return [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in (SOURCE / importer).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"assaykit.{package}.")
    ]


def test_every_package_has_a_contract_for_its_face():
    assert sorted(FACES) == PACKAGES


@pytest.mark.parametrize("package", PACKAGES)
def test_an_importer_that_a_contract_still_lets_in_still_needs_it(package):
    for importer in FACES[package]["allowed_importers"]:
        name = importer.removeprefix("assaykit.")
        assert name == package or inner_imports(name, package), f"take {importer} out of the contract of {package}"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_face_names_what_it_exports_and_nothing_private(package):
    lines = ast.parse((SOURCE / package / "__init__.py").read_text(encoding="utf-8")).body
    imported = {alias.name for line in lines if isinstance(line, ast.ImportFrom) for alias in line.names}
    exported = [ast.literal_eval(line.value) for line in lines if isinstance(line, ast.Assign)]
    assert sorted(imported - {"annotations"}) == sorted(*exported or [[]])
    assert not [name for name in imported if name.startswith("_")]
