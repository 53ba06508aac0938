"""How long a person waits: whole processes, against `python -c "import torch"` in the same run.

* `convscope see` of the tutorial-1 network on the photo that comes along: at most 1.5 x
* `convscope --help`: at most 0.3 x

Measured in turn, the median of the ratios round by round. Exits 1 when a claim does not hold.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 9
CLAIMS = {"see": 1.5, "--help": 0.3}


def seconds(command: list[str], folder: Path) -> float:
    # Both sides find their compiled files, as an installed package does; the round that is not counted writes them.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - start


def main() -> None:
    python = sys.executable
    commands = {
        "import torch": [python, "-c", "import torch"],
        "see": [python, "-m", "convscope", "see", "chelsea", "--net", "tutorial-1"],
        "--help": [python, "-m", "convscope", "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS + 1):
            for name, command in commands.items():
                elapsed = seconds(command, Path(folder))
                if number:  # the first round fills the file cache
                    times[name].append(elapsed)
    print(f'python -c "import torch": {statistics.median(times["import torch"]):.2f} s')
    held = True
    for name, limit in CLAIMS.items():
        ratio = statistics.median(b / a for a, b in zip(times["import torch"], times[name], strict=True))
        print(f"convscope {name:<7} {statistics.median(times[name]):.2f} s  {ratio:.2f} x  (claimed at most {limit})")
        held &= ratio <= limit
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
