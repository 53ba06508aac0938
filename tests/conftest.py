"""Shapes written in annotations are enforced while the tests run."""

import os
from pathlib import Path

import hypothesis
import pytest
from jaxtyping import install_import_hook

# An int is a number wherever a float is asked for, as in the type checker.
install_import_hook("convscope", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

# Checks that several files share say what they saw when they fail, as those in the files do.
pytest.register_assert_rewrite("checked_terms", "refused_pictures", "stored_traces", "typed_training")

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


def _imported_before_threads_do() -> None:
    """What `see` imports in two threads: Python 3.11 cannot compile in both with the hook of jaxtyping."""
    import importlib
    import pkgutil

    import convscope.contribution
    import convscope.draw
    import convscope.page
    import convscope.store
    import convscope.structure

    for package in (convscope.page, convscope.draw, convscope.store, convscope.structure, convscope.contribution):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)


_imported_before_threads_do()
