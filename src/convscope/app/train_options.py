"""What may be typed after ``convscope train``, beside what other commands take too."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    str | None,
    typer.Argument(
        metavar="[DATA]",
        help="A folder with a sub-folder of photos for each class; or fashion-mnist, cats-vs-dogs, hf:OWNER/NAME. "
        "With --resume it may be left out.",
        show_default=False,
    ),
]
TrainNet = Annotated[
    str | None,
    typer.Option(
        "--net",
        metavar="NAME|SPEC",
        help="cnn or dense, which fit themselves to the data (cnn without the option); a name on the shelf; a network "
        "as text; or a file with it.",
    ),
]
TrainModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="REF",
        help="A network of yours, package.module:function; or one that was trained before, to train on.",
    ),
]
Compare = Annotated[
    str | None,
    typer.Option(
        "--compare", metavar="A,B", help="Train each of these networks in turn, for example dense,cnn, and compare."
    ),
]
Run = Annotated[
    Path | None,
    typer.Option("--out", metavar="RUN", help="Folder of the training. Without it: a new one in convscope-out/."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the training in RUN where it stopped.")]
Epochs = Annotated[
    int | None, typer.Option("--epochs", metavar="N", min=1, help="How often every picture is trained on.")
]
Batch = Annotated[int | None, typer.Option("--batch", metavar="N", min=1, help="Pictures in a step.")]
LearningRate = Annotated[
    float | None, typer.Option("--learning-rate", metavar="X", help="The largest one; the schedule lowers it.")
]
Optimizer = Annotated[str | None, typer.Option("--optimizer", metavar="NAME", help="adamw, adam, rmsprop or sgd.")]
Schedule = Annotated[
    str | None, typer.Option("--schedule", metavar="NAME", help="Of the learning rate: one-cycle, cosine or constant.")
]
WeightDecay = Annotated[
    float | None, typer.Option("--weight-decay", metavar="X", help="How strongly weights are pulled towards 0.")
]
Smoothing = Annotated[
    float | None,
    typer.Option("--label-smoothing", metavar="X", help="Share of the target spread over all classes, 0 to 0.5."),
]
Ema = Annotated[
    float | None,
    typer.Option("--ema", metavar="X", help="Decay of a running mean of the weights, e.g. 0.999; 0 for none."),
]
Patience = Annotated[
    int | None,
    typer.Option("--patience", metavar="N", min=0, help="Stop after N epochs without a better validation; 0: never."),
]
AugmentText = Annotated[
    str | None,
    typer.Option(
        "--augment",
        metavar="LIST",
        help="Random changes of training pictures, e.g. flip,rotation=0.1; or none.",
    ),
]
PictureSize = Annotated[
    str | None, typer.Option("--size", metavar="HxW", help="Size to which pictures are brought; one number: a square.")
]
Validation = Annotated[
    float | None, typer.Option("--validation", metavar="X", help="Share that is held out to validate with, 0 to 0.9.")
]
TrainSeed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", min=0, help="Of the split, the order, the augmentation, the weights."),
]
TrainScale = Annotated[
    str | None,
    typer.Option("--scale", metavar="unit|byte|imagenet", help="How pixels reach the network. Without it: 0..1."),
]
Precision = Annotated[str | None, typer.Option("--precision", metavar="NAME", help="auto, float32 or bfloat16.")]
Device = Annotated[str | None, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda or cuda:1.")]
Threads = Annotated[
    int | None, typer.Option("--threads", metavar="N", min=0, help="Of the processor; 0: as many as PyTorch takes.")
]
Workers = Annotated[
    int | None, typer.Option("--workers", metavar="N", min=1, help="Threads that read photos. Without it: every core.")
]
Probe = Annotated[
    str | None,
    typer.Option(
        "--probe", metavar="FILE", help="The photo that is traced after every epoch. Without it: the first held out."
    ),
]
NoProbe = Annotated[bool, typer.Option("--no-probe", help="Trace no photo; there is no film strip then.")]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Decode photos anew in every epoch, and keep no resized pixels on the disk.")
]
Download = Annotated[bool, typer.Option("--download", help="Fetch a data set that is not on this machine.")]
OverwriteRun = Annotated[bool, typer.Option("--overwrite", help="Replace RUN if it holds a training.")]
