"""What may be typed after ``explain`` alone; what it shares with other commands is in ``options``."""

from __future__ import annotations

from typing import Annotated

import typer

Images = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[IMAGE...]",
        help="A photo, or chelsea, astronaut, coffee; a trace.safetensors that convscope wrote; for a table of many: "
        "photos, folders, patterns such as 'cats/*.jpg'. Without it: chelsea.",
        show_default=False,
    ),
]
Classes = Annotated[
    list[str] | None,
    typer.Option(
        "--class",
        metavar="NAME",
        help="The class that is asked about: its name or number, or 'cat against dog' (cat:dog) for what speaks for "
        "one rather than for the other; repeat it for more. Without it: the likeliest.",
    ),
]
Methods = Annotated[
    list[str] | None,
    typer.Option(
        "--method", metavar="A,B", help="How to look; --list shows all. Without it: gradcam, at the last layer."
    ),
]
At = Annotated[
    list[str] | None,
    typer.Option(
        "--layer",
        metavar="A,B",
        help="Steps to look at. Without it: the last one that still has a grid, and it says why.",
    ),
]
Thorough = Annotated[
    bool,
    typer.Option("--thorough", help="Measure the evidence finely, and against re-drawn weights; takes far longer."),
]
Maximise = Annotated[
    str | None,
    typer.Option(
        "--maximise",
        metavar="LAYER[:CHANNELS]",
        help="Instead: pictures that make channels of a layer answer most, e.g. conv_3:0,4,7-9.",
    ),
]
Listed = Annotated[bool, typer.Option("--list", help="Print every method, where it was published, and its warning.")]
