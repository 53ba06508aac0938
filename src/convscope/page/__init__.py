"""The page that shows a trace: what it reads, and the one HTML file that holds it all.

::

    overview.py ──► facts, small pictures and ranges of every step: what is on screen first
    channels.py     the passes over the maps behind it
    html.py ──────► export, html_bytes: code, styles and data in one file
    bundle.py       the modules of ``web/`` as one script
    comments.py     their text without comments
    fitting.py      the largest excerpt of a trace that fits
    ranking.py      which channels go first, the same ones along a chain
    keeping.py      how much of each array an allowance leaves
    excerpt.py      a part of a trace as a file
    maps.py         explanations in it, and one as a file of its own
    blocks.py       a file as compressed text that is read in parts
    tensors.py      arrays and a JSON text as a safetensors file

``docs/page.md`` specifies both byte streams that the page reads.
"""

from convscope.page.html import export, html_bytes
from convscope.page.overview import overview_bytes

__all__ = ["export", "html_bytes", "overview_bytes"]
