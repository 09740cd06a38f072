"""The house stands as designed: imports run downwards, heavy libraries load late, data is found."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from curate import shipped

ROOT = Path(__file__).resolve().parents[1]
FLOORS = {"curate": 1, "train": 2, "evalsuite": 3, "winnow": 4}
MODULES = sorted(
    [*ROOT.glob("curate/**/*.py"), *ROOT.glob("train/**/*.py"), *ROOT.glob("evalsuite/**/*.py"), ROOT / "winnow.py"]
)


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downwards(path: Path) -> None:
    own = FLOORS[path.relative_to(ROOT).parts[0].removesuffix(".py")]
    for name in _imports(path):
        floor = FLOORS.get(name.split(".")[0])
        assert floor is None or floor <= own, f"{path.name} (floor {own}) imports {name} (floor {floor})"


def test_rooms_inside_a_package_have_no_cycle() -> None:
    for package in ("curate", "train", "evalsuite"):
        rooms = {_name(path): path for path in (ROOT / package).rglob("*.py") if path.stem != "__init__"}
        below = {room: _imports(path) & rooms.keys() - {room} for room, path in rooms.items()}
        while free := [room for room, needs in below.items() if not needs & below.keys()]:
            for room in free:
                del below[room]
        assert not below, f"{package}: these rooms import each other in a circle: {sorted(below)}"


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def test_import_curate_and_help_load_no_heavy_library() -> None:
    code = (
        "import sys, pkgutil, importlib, curate\n"
        "for m in pkgutil.walk_packages(curate.__path__, 'curate.'): importlib.import_module(m.name)\n"
        "import winnow\n"
        "print(sorted({'torch', 'transformers', 'sentence_transformers', 'presidio_analyzer', 'matplotlib', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]", "these load on import: " + done.stdout


def test_no_drawer() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core", "manager"}
    assert not [path for path in MODULES if path.stem in drawers]


def test_shipped_data_is_found() -> None:
    assert (shipped.sample_data() / "support-raw.jsonl").is_file()
    assert shipped.rubrics().is_dir()


def test_a_missing_folder_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shipped, "files", lambda package: tmp_path / "a" / "b")
    with pytest.raises(Exception, match="missing from this installation"):
        shipped.sample_data()
