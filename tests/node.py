"""Node.js, which runs the page's own modules in the tests."""

from __future__ import annotations

import shutil

import pytest


def node() -> str:
    """Where Node is; a machine without it fails the test, because nothing else would look at what it looks at."""
    found = shutil.which("node")
    if found is None:
        pytest.fail("Node.js is not installed; install version 20 or newer")
    return found
