"""Floors import only from floors below; the torch-free floors stay torch-free; the library never imports the judge."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src" / "trainer").rglob("*.py"))
FLOORS = {"core": 1, "runtime": 2, "annotation": 2, "learning": 3, "serving": 4, "reporting": 4, "cli": 5}
HEAVY = {"torch", "transformers"}
LINES = 250


def imported_names(path: Path) -> Iterator[str]:
    """Every absolute module name that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def package_of(path: Path) -> str | None:
    parts = path.relative_to(ROOT / "src" / "trainer").parts
    return parts[0] if len(parts) > 1 else None


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_a_module_imports_only_from_floors_below(path: Path) -> None:
    package = package_of(path)
    if package is None:  # trainer/__init__.py and __main__.py are doors, on no floor
        return
    for name in imported_names(path):
        assert name.partition(".")[0] != "eval", f"{path.name} imports the judge"
        other = name.split(".")[1] if name.startswith("trainer.") else None
        if other in FLOORS and other != package:
            assert FLOORS[other] < FLOORS[package], f"{path.name} of {package} imports {name}"
        if FLOORS[package] < FLOORS["learning"]:
            assert name.partition(".")[0] not in HEAVY, f"{path.name} of {package} imports {name}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_no_module_is_longer_than_the_ceiling(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LINES


def test_no_import_is_relative_and_no_module_is_called_utils() -> None:
    for path in SOURCES:
        assert path.stem not in {"utils", "helpers", "misc", "common"}
        tree = ast.parse(path.read_text("utf-8"))
        assert not any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree)), path


def test_nothing_is_validated_by_assert() -> None:
    for path in SOURCES:
        tree = ast.parse(path.read_text("utf-8"))
        assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree)), path


def test_the_library_never_names_the_gold_texts() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "eval/gold/" in node.value:
                assert "manifest" in node.value or "\n" in node.value, f"{path}: {node.value}"


def test_the_torch_free_floors_load_without_torch() -> None:
    modules = [
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        for path in SOURCES
        if package_of(path) in {"core", "runtime", "annotation", "serving", "cli"}
        and not any(extra in path.stem and importlib.util.find_spec(extra) is None for extra in ("openvino", "ray"))
    ]
    code = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
        "sys.exit(', '.join({'torch', 'transformers'} & set(sys.modules)) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
