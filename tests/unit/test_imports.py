"""The house: which part may know which, what loads late, and what the package offers."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import convscope

ROOT = Path(convscope.__file__).parent

#: What each part may import of ours when it is loaded. Parts not named may import everything but app.
ALLOWED = {
    "errors": set(),
    "traces": {"errors"},
    "arithmetic": {"errors", "traces"},
    "structure": {"errors", "traces", "arithmetic"},
    "spec": {"errors"},
    "weights": {"errors"},
    "network": {"errors", "traces"},
    "image": {"errors", "traces", "network"},
    "store": {"errors", "traces"},
    "draw": {"errors", "traces", "structure"},
    "networks": set(),
    "adapters": {"errors", "traces", "network", "networks", "spec", "weights"},
    "record": {"", "allocator", "errors", "traces", "network", "image"},
}
#: Methods that are a door to another part; imported when they are called.
LATE = {"traces": {"arithmetic", "store"}}


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def part_named(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def imported(tree: ast.AST) -> set[str]:
    """Parts of ours that a module imports, type-checking blocks aside."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "convscope":
            found.add(part_named(node.module))
        elif isinstance(node, ast.Import):
            found |= {part_named(alias.name) for alias in node.names if alias.name.split(".")[0] == "convscope"}
    return found


MODULES = sorted(path for path in ROOT.rglob("*.py") if path.name != "__main__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_go_one_way(path: Path) -> None:
    part = part_of(path)
    found = imported(ast.parse(path.read_text(encoding="utf-8"))) - {part} - LATE.get(part, set())
    if part == "app":
        return
    assert "app" not in found, "nothing imports app"
    if part in ALLOWED:
        assert found <= ALLOWED[part]


def test_the_check_itself_sees_a_forbidden_import() -> None:
    assert imported(ast.parse("def f():\n    from convscope.app.cli import main")) == {"app"}
    assert imported(ast.parse("if TYPE_CHECKING:\n    from convscope.app import x")) == set()


def test_every_file_is_short_enough_to_hold_in_mind() -> None:
    long = {path.name: n for path in MODULES if (n := len(path.read_text(encoding="utf-8").splitlines())) > 400}
    assert long == {}


def test_no_module_hides_a_verb() -> None:
    names = {path.stem for path in ROOT.iterdir()}
    assert not names & set(convscope.__all__)
    assert all(getattr(convscope, name) for name in convscope.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        convscope.nothing  # noqa: B018


def loaded_after(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


HEAVY = {"torch", "matplotlib", "h5py"}


@pytest.mark.parametrize(
    "code",
    [
        "import convscope",
        "from convscope.app.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
        "from convscope.app.cli import main\ntry: main(['see', '--help'])\nexcept SystemExit: pass",
        "from convscope.app.cli import main\ntry: main(['summary', '--net', 'fashion-cnn'])\nexcept SystemExit: pass",
        "import convscope\nconvscope.load, convscope.Trace",
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code: str) -> None:
    assert not loaded_after(code) & HEAVY


def test_that_check_would_notice_torch() -> None:
    assert "torch" in loaded_after("import torch")
