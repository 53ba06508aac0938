"""Make the picture of docs/explain.md again, from a photo that comes along.

python examples/make_explained.py [FOLDER]     # default: docs/explaining
"""

from __future__ import annotations

import sys
from pathlib import Path

import convscope as cs

HERE = Path(__file__).resolve().parent
METHODS = ("gradcam", "occlusion")
WIDEST = 1280


def main() -> None:
    """Explain the cat and write the sheet."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "docs" / "explaining"
    target.mkdir(parents=True, exist_ok=True)
    sheet = cs.explain("catdog", "chelsea", method=METHODS, budget_s=None).sheet()
    if sheet.width > WIDEST:
        sheet = sheet.resize((WIDEST, round(sheet.height * WIDEST / sheet.width)))
    path = target / "chelsea.webp"
    sheet.save(path, quality=84, method=6)
    print(f"{path.stat().st_size / 1000:.1f} kB  {path}")


if __name__ == "__main__":
    main()
