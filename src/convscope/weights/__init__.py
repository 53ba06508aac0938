"""Weights by layer name: read them from files, put them into a network, save them.

``read`` understands ``.safetensors`` and every HDF5 and zip layout that Keras has written since 1.0;
neither TensorFlow nor Keras is needed. ``docs/weights.md`` says how each layout is understood.
"""

from convscope.weights.assign import Mismatch, Report, assign, load_into
from convscope.weights.files import read, save
from convscope.weights.value import Weights

__all__ = ["Mismatch", "Report", "Weights", "assign", "load_into", "read", "save"]
