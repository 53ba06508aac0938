"""The pages hang together: every dependency has its reason, every link its page, and the site is built whole."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest

from documentation import DOCS, ROOT, page, rows

DEPENDENCIES = page("dependencies.md")


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"], *chain(*extras.values())]
    lines = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()
    wanted += [line for line in lines if line and not line.startswith("#")]
    needed = {re.split(r"[^\w-]", line)[0] for line in wanted}
    cells = rows(r"([a-z][\w, -]*) \|", DEPENDENCIES) + rows(r"`convscope\[\w+\]` \| ([\w, -]+) \|", DEPENDENCIES)
    named = {name.strip() for cell in cells for name in cell.split(",")} - {"package", "extra"}
    assert named == needed
    assert set(rows(r"`convscope\[(\w+)\]`", DEPENDENCIES)) == set(extras)


# Links and the site


PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("README*.md"), ROOT / "CONTRIBUTING.md", ROOT / "ARCHITECTURE.md"])


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_relative_link_leads_to_a_file(path: Path) -> None:
    text = re.sub(r"(?s)```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"))
    targets = [target for target in re.findall(r"\]\(<?([^)\s>]+)", text) if not re.match(r"[a-z]+:|#", target)]
    assert [target for target in targets if not (path.parent / target.split("#")[0]).exists()] == []


@pytest.fixture
def site(tmp_path: Path) -> Callable[[], subprocess.CompletedProcess[str]]:
    """Builds the documentation from a copy, as ``make docs`` does."""
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--clean"]
    return lambda: subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)


def test_the_site_is_whole_and_loads_nothing_from_elsewhere(
    site: Callable[[], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = site()
    assert done.returncode == 0, done.stderr
    built = {path.parent.name for path in tmp_path.glob("site/*/index.html")}
    assert built == {page.stem for page in DOCS.glob("*.md")} - {"index"}
    for path in tmp_path.glob("site/**/*.html"):
        html = path.read_text(encoding="utf-8")
        assert re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)=[\"']?(?:https?:)?//", html) == []
        assert not re.search(r"class=[\"']?(?:mermaid|arithmatex|glightbox)", html)  # these fetch a library when used


def test_a_broken_link_stops_the_site(site: Callable[[], subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    with (tmp_path / "docs" / "index.md").open("a", encoding="utf-8") as start:
        start.write("\n[nowhere](nowhere.md)\n")
    done = site()
    assert done.returncode != 0
    assert "page does not exist" in done.stderr + done.stdout
