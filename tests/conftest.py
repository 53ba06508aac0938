"""Shapes written in annotations are enforced while the tests run."""

import os
from pathlib import Path

import hypothesis
import pytest
from jaxtyping import install_import_hook

# An int is a number wherever a float is asked for, as in the type checker.
install_import_hook("convscope", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

# Checks that several files share say what they saw when they fail, as those in the files do.
pytest.register_assert_rewrite("checked_terms", "refused_pictures", "typed_training")

# The automated check tries the same examples every time; on a developer's machine they are new ones.
hypothesis.settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real photos and models, which is no part of the repository."""
    if not DATA.is_dir():
        pytest.skip("needs ../shared/data, the folder of real photos and models")
    return DATA
