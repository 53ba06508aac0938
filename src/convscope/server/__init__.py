"""The local server behind ``convscope serve``: a page, an HTTP API, networks run on demand.

::

    hosting.py ──► uvicorn: socket, signals, patience with slow heads
        guard.py ──► who may ask at all: Host, Origin, token; headers of every answer
            api.py ──► the routes      description.py  the same as an OpenAPI document
                wishes.py    what a client may ask for, checked      bodies.py  bounded reading
                networks.py  what can be run, within limits          pictures.py
                runs.py ──► jobs.py, workers.py, kept.py: one run, the threads, what is kept of it
                explanations.py ──► mapwishes.py: heat maps of traces that are there, one at a time
                tracefile.py, ranges.py: its bytes by ranges         files.py: the page's own files

Nothing that a client sends is ever taken for a path, an address or the name of a Python object.
All state belongs to the event loop; threads get a piece of work and hand back its result.
"""

from convscope.server.app import Settings, make_app
from convscope.server.limits import Limits

__all__ = ["Limits", "Settings", "make_app"]
