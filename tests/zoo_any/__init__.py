"""Networks of many families, none of them ours to bend, and what must hold for every one of them.

::

    families.py   which networks: timm's and torchvision's families, the networks of convscope, files by strangers
    checks.py     what must hold, the same for all: answer, graph, arithmetic, the layer that is looked at, the page

``tests/unit/test_zoo_families.py`` and ``test_zoo_files.py`` hold it; ``tools/make_zoo_table.py`` writes the table of
``docs/zoo.md`` from it.
"""
