"""A training that is killed with SIGKILL at ten random moments ends with the weights of one that never was.

    .venv/bin/python bench/resume.py [SEED]

Prints how often it was killed and whether every bit is the same; fails when one is not.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[1] / "tests" / "tiny_training.py"
KILLS = 10


def main() -> None:
    seed = sys.argv[1] if len(sys.argv) > 1 else str(time.time_ns() % 100_000)
    with tempfile.TemporaryDirectory() as home:
        whole, killed = Path(home, "whole"), Path(home, "killed")
        subprocess.run([sys.executable, PROGRAM, "train", whole], check=True, stdout=subprocess.DEVNULL)
        done = subprocess.run(
            [sys.executable, PROGRAM, "kills", killed, str(KILLS), seed], check=True, capture_output=True, text=True
        )
        same = all((whole / name).read_bytes() == (killed / name).read_bytes() for name in ("weights", "losses"))
    print(f"killed {done.stdout.strip()} times (seed {seed}); weights and losses bit for bit the same: {same}")
    sys.exit(0 if same and int(done.stdout) >= KILLS else 1)


if __name__ == "__main__":
    main()
