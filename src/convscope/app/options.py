"""What may be typed after a command: each option once, with its help text, for all commands that take it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SPEC_HELP = (
    "A network as text, e.g. 'conv(8, 3) | relu | maxpool(2)'; a file with it; or a name: tutorial-1, fashion-cnn, "
    "fashion-vgg, fashion-dense, lenet-5, cats-dogs, lenet-cat. Its weights are random, unless --weights gives some."
)
MODEL_HELP = (
    "A trained network: catdog or fashion, which come along; efficientnet-lite0; the folder of a training; a file "
    "(.safetensors that convscope saved, .keras .h5 .onnx .pt .pth); timm:NAME, torchvision:NAME, hf:OWNER/NAME; or "
    "package.module:function that returns a torch.nn.Module."
)
IMAGE_HELP = "A photo; or chelsea, astronaut, coffee. Without it: chelsea."
LAYER_HELP = "Only this step ('layer1.*' for several); repeat it for more."

Image = Annotated[str | None, typer.Argument(metavar="[IMAGE]", help=IMAGE_HELP, show_default=False)]
Net = Annotated[str | None, typer.Option("--net", metavar="SPEC", help=SPEC_HELP)]
Nets = Annotated[list[str] | None, typer.Option("--net", metavar="SPEC", help=f"{SPEC_HELP} Repeat it for more rows.")]
Model = Annotated[
    str | None, typer.Option("--model", metavar="REF", help=f"{MODEL_HELP} Without --net and --model: catdog.")
]
Models = Annotated[
    list[str] | None, typer.Option("--model", metavar="REF", help=f"{MODEL_HELP} Repeat it for more rows.")
]
Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="FILE",
        help="Weights put in by layer name: .safetensors, PyTorch .pt .pth, Keras .keras .h5.",
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", metavar="N", help="Seed of the random weights, which are drawn by layer name.")
]
Scale = Annotated[
    str | None,
    typer.Option(
        "--scale",
        metavar="unit|byte|imagenet|MEAN/STD",
        help="How pixels reach the network: 0..1, 0..255, ImageNet mean and deviation, or others, e.g. 0.5/0.5. "
        "Without it: as the network says, 0..1 where it does not.",
    ),
]
Fit = Annotated[
    str | None,
    typer.Option(
        "--fit",
        metavar="stretch|crop|pad",
        help="How a photo of another shape gets to the network's size. Without it: as the network says, stretch where "
        "it does not.",
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="FILE|A,B",
        help="Names of the classes, in the order of the network's answers: a text file with one a line, or names with "
        "commas between. Without it: as the network says.",
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Open files whose loading can run code: whole networks as pickles, TorchScript, .pt2, Keras with Lambda "
        "layers. Only if you know who made them.",
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        "--size", metavar="HxW", help="Resize the photo first. Without it, photos stay as they are up to 1024 pixels."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder for the pictures. Without it: a new one in convscope-out/."),
]
Layers = Annotated[list[str] | None, typer.Option("--layer", metavar="NAME", help=LAYER_HELP)]
Vary = Annotated[
    list[str] | None,
    typer.Option(
        "--vary",
        metavar="LAYER.SETTING=V1,V2",
        help="One row for each value, e.g. conv_1.kernel=3,12,24 or activation=relu,sigmoid,tanh; repeat it for all "
        "combinations.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace DIR if convscope wrote it before.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output and nothing else.")]
Memory = Annotated[
    float, typer.Option("--memory", metavar="GIB", min=0.001, help="How much memory recorded values may take, in GiB.")
]
Shape = Annotated[
    str | None,
    typer.Option(
        "--input",
        metavar="HxWxC",
        help="Shape of the input. Without it: the network's own, or that of the photo that comes along (300x451x3); "
        "for --model 224x224x3.",
    ),
]
Code = Annotated[
    str | None,
    typer.Option("--code", metavar="pytorch|keras", help="Print the network as a script for PyTorch or Keras instead."),
]
Photos = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE...", help="Photos, folders of photos, patterns such as 'cats/*.jpg'.", show_default=False
    ),
]
Classifier = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="REF",
        help=f"{MODEL_HELP} Without it: catdog.",
    ),
]
Top = Annotated[
    int | None,
    typer.Option("--top", metavar="K", min=1, help="How many classes of each photo. Without it: 1; 5 with --json."),
]
Table = Annotated[
    Path | None, typer.Option("--csv", metavar="FILE", help="Also write a table: a row a photo, a column a class.")
]
NoHtml = Annotated[bool, typer.Option("--no-html", help="Leave out page.html.")]
Traced = Annotated[
    str | None,
    typer.Argument(
        metavar="[TRACE|IMAGE]",
        help="A trace.safetensors that convscope see wrote; or a photo; or chelsea, astronaut, coffee. Without it: "
        "chelsea.",
        show_default=False,
    ),
]
Folder = Annotated[
    Path,
    typer.Argument(metavar="FOLDER", help="A folder with one folder of photos for each class.", show_default=False),
]
Fix = Annotated[
    str | None,
    typer.Option("--fix", metavar="quarantine", help="Move files with problems to FOLDER-quarantine; delete nothing."),
]
Undo = Annotated[bool, typer.Option("--undo", help="Bring everything back from the quarantine, byte for byte.")]
Quarantine = Annotated[
    Path | None,
    typer.Option("--to", metavar="DIR", help="The quarantine. Without it: FOLDER-quarantine, beside FOLDER."),
]
Report = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Folder for the report. Without it: one in convscope-out/.")
]
OutFile = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="The file to write. Without it: NAME.html, by the photo.")
]
OverwriteFile = Annotated[bool, typer.Option("--overwrite", help="Replace FILE if it exists.")]
Full = Annotated[bool, typer.Option("--full", help="Every number, however large the file becomes.")]
Channels = Annotated[
    int | None,
    typer.Option("--channels", metavar="K", min=1, help="Every number of K channels a step, whatever that takes."),
]
Limit = Annotated[
    float,
    typer.Option(
        "--limit", metavar="MB", min=0.1, help="How large the file may become; weak channels are left out first."
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        metavar="N",
        min=0,
        max=65535,
        help="Port to listen at; 0 for any. Without it: 8737, or any that is free.",
    ),
]
Host = Annotated[
    str,
    typer.Option(
        "--host", metavar="ADDRESS", help="Address to listen at; any other than 127.0.0.1 lets other machines in."
    ),
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Only print the address.")]
