"""convscope: see what a convolutional network does to an image."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Step", "Trace", "explain", "export", "figure", "load", "predict", "show", "trace"]

if TYPE_CHECKING:
    from convscope.draw import figure
    from convscope.explaining import explain
    from convscope.notebook import show
    from convscope.page import export
    from convscope.predicting import predict
    from convscope.store import load
    from convscope.traces import Step, Trace
    from convscope.tracing import trace

# Looked up when first used: `import convscope` stays instant. No module is called like a verb.
_HOME = {
    "show": "notebook",
    "trace": "tracing",
    "load": "store",
    "figure": "draw",
    "export": "page",
    "predict": "predicting",
    "explain": "explaining",
    "Trace": "traces",
    "Step": "traces",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'convscope' has no attribute {name!r}")
    return getattr(import_module(f"convscope.{_HOME[name]}"), name)
