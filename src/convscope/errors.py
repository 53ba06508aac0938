"""Every error that convscope raises on purpose.

::

    ConvscopeError                  one sentence: what, the value received, what to do
    ├── CallError (ValueError)      the call was wrong               exit status 2
    │   ├── ImageError              a picture cannot be read or used
    │   ├── SpecError               a text is no network, or an impossible one
    │   ├── WeightsError            a weights file cannot be read, or does not fit
    │   ├── ModelError              a model reference cannot be opened or used
    │   ├── TraceFileError          a trace file is refused
    │   ├── DataError               a folder or a data set cannot be used
    │   └── OutputError             a destination cannot be written without losing something
    ├── NoArithmetic (LookupError)  nothing is known of how this step makes its numbers
    └── RunError (RuntimeError)     the call was right, the work failed   exit status 1
        ├── ForwardError            the network raised; says how far it got
        ├── MemoryBudgetError       recording would need more memory than allowed
        ├── TrainingError           training cannot go on; what was reached is kept
        ├── Cancelled               whoever watched the run wanted no more of it
        └── StaleParametersError    a network's parameters changed after the trace was made

The command line prints the sentence and exits with ``exit_status``; Python callers catch the class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convscope.traces import Trace


class ConvscopeError(Exception):
    """Base of all errors raised on purpose; ``str(error)`` is one sentence for people."""

    exit_status = 1


class CallError(ConvscopeError, ValueError):
    """The call was wrong: an argument, a file or a text that cannot be used."""

    exit_status = 2


class ImageError(CallError):
    """A picture cannot be read, is too large, or does not suit the network."""


class SpecError(CallError):
    """A text is not a network, or describes a network that cannot exist."""


class WeightsError(CallError):
    """A weights file cannot be read, or does not fit the network."""


class ModelError(CallError):
    """A model reference cannot be opened, or what it names is not a network."""


class TraceFileError(CallError):
    """A file is not a trace, or is refused because it is damaged or hostile."""


class DataError(CallError):
    """A folder of photos, an archive or a data set cannot be used."""


class OutputError(CallError):
    """A destination cannot be written without overwriting something or leaving it half-written."""


class NoArithmetic(ConvscopeError, LookupError):
    """Nothing is known of how this kind of step makes its numbers."""


class RunError(ConvscopeError, RuntimeError):
    """The call was right, but the work failed."""


class ForwardError(RunError):
    """The network raised while it ran.

    ``partial`` is the trace of the steps that did run, or None when not even the first one did.
    """

    def __init__(self, message: str, partial: Trace | None = None) -> None:
        super().__init__(message)
        self.partial = partial


class MemoryBudgetError(RunError):
    """Recording every value would take more memory than the budget allows."""


class TrainingError(RunError):
    """Training cannot go on; what was reached before is kept."""


class Cancelled(RunError):
    """The run was stopped because nobody wants its result any more."""


class StaleParametersError(RunError):
    """The parameters of a live network were changed after the trace that refers to them."""
