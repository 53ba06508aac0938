"""The table of operators: by the name that ONNX gives it, what makes modules of a node.

An operator that is not here is not guessed: what needs its result is lost, and the network runs in onnxruntime instead,
without gradients (``runtime.py``). To add one, write a function from :class:`~convscope.adapters.onnx.translation.Call`
to what the node gives, put it into the table of the file that fits, and compare it with onnxruntime in
``tests/unit/test_onnx_operators.py``.
"""

from __future__ import annotations

from convscope.adapters.onnx import dense, pointwise, resizing, shapes, windows
from convscope.adapters.onnx.translation import Translator

OPERATORS: dict[str, Translator] = {
    **windows.TABLE,
    **pointwise.TABLE,
    **dense.TABLE,
    **shapes.TABLE,
    **resizing.TABLE,
}
