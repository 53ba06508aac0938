"""The command line: what may be typed, in help texts. The work is in the module of each command."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from convscope import __version__
from convscope.app import explain_options as of_explain
from convscope.app import options as of
from convscope.app import train_options as of_train
from convscope.app.ending import DISK_FULL, INTERRUPTED, STOPPED, sentence_for

__all__ = ["DISK_FULL", "INTERRUPTED", "app", "main"]

app = typer.Typer(
    name="convscope",
    help="See what a convolutional network does to an image: every feature map, every kernel, every number.",
    epilog="Start with: convscope see   (a photo that comes along, through a small network)",
    add_completion=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"convscope {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def root(
    _debug: Annotated[bool, typer.Option("--debug", help="Show the whole traceback of an error.")] = False,
    _version_flag: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """See what a convolutional network does to an image: every feature map, every kernel, every number."""


@app.command(epilog="Example: convscope see cat.jpg --net 'conv(8, 3) | relu | maxpool(2)' --out cat-seen")
def see(
    image: of.Image = None,
    net: of.Net = None,
    model: of.Model = None,
    weights: of.Weights = None,
    seed: of.Seed = 0,
    scale: of.Scale = None,
    size: of.Size = None,
    fit: of.Fit = None,
    labels: of.Labels = None,
    trust: of.Trust = False,
    out: of.Out = None,
    layer: of.Layers = None,
    overwrite: of.Overwrite = False,
    memory: of.Memory = 4.0,
    no_html: of.NoHtml = False,
    as_json: of.Json = False,
) -> None:
    """Send one photo through a network and show every step: a table, a picture of each, a contact sheet, a page.

    Writes DIR/page.html to look around in, DIR/contact.png, one picture a step, the kernels, and trace.safetensors
    with every number.
    """
    from convscope.app.opening import Request
    from convscope.app.see import run

    request = Request(
        image, weights, seed, scale, size, out, layer or [], overwrite, memory, as_json, fit, labels, trust
    )
    run(request, net, model, page=not no_html)


@app.command(epilog="Example: convscope summary --net fashion-cnn")
def summary(
    net: of.Net = None,
    model: of.Model = None,
    shape: of.Shape = None,
    code: of.Code = None,
    trust: of.Trust = False,
    as_json: of.Json = False,
) -> None:
    """Print the layers of a network: shapes, receptive fields, work, and parameter counts as formulas.

    A network given as text is only calculated, never run.
    """
    from convscope.app.summary import run

    run(net, model, shape=shape, code=code, trust=trust, as_json=as_json)


@app.command(
    epilog="Example: convscope compare chelsea --net 'conv(1, 3, init=constant(0.12))' --vary conv_1.kernel=3,12,24"
)
def compare(
    image: of.Image = None,
    net: of.Nets = None,
    vary: of.Vary = None,
    model: of.Models = None,
    weights: of.Weights = None,
    seed: of.Seed = 0,
    scale: of.Scale = None,
    size: of.Size = None,
    fit: of.Fit = None,
    labels: of.Labels = None,
    trust: of.Trust = False,
    out: of.Out = None,
    layer: of.Layers = None,
    overwrite: of.Overwrite = False,
    memory: of.Memory = 4.0,
    as_json: of.Json = False,
) -> None:
    """Send one photo through several networks and put them under each other, on shared scales.

    Writes DIR/compare.png: rows are the variants, columns the steps.
    """
    from convscope.app.compare import run
    from convscope.app.opening import Request

    request = Request(
        image, weights, seed, scale, size, out, layer or [], overwrite, memory, as_json, fit, labels, trust
    )
    run(request, net or [], vary or [], model or [])


@app.command(epilog="Example: convscope doctor photos --fix quarantine")
def doctor(
    folder: of.Folder,
    fix: of.Fix = None,
    undo: of.Undo = False,
    to: of.Quarantine = None,
    out: of.Report = None,
    overwrite: of.Overwrite = False,
    as_json: of.Json = False,
) -> None:
    """Read every photo of a folder to its end before you train on it, and say what is wrong. Deletes nothing.

    Finds damaged files, copies, photos that are nearly the same, odd sizes and unequal classes. Writes DIR/doctor.html.
    Exit status 0: nothing wrong, or moved aside; 1: problems found.
    """
    from convscope.app.doctor import run

    status = run(folder, fix=fix, undo=undo, to=to, out=out, overwrite=overwrite, as_json=as_json)
    raise typer.Exit(status)


@app.command(epilog="Example: convscope export cat.jpg --net fashion-cnn --out cat.html")
def export(
    source: of.Traced = None,
    net: of.Net = None,
    model: of.Model = None,
    weights: of.Weights = None,
    seed: of.Seed = 0,
    scale: of.Scale = None,
    size: of.Size = None,
    fit: of.Fit = None,
    labels: of.Labels = None,
    trust: of.Trust = False,
    out: of.OutFile = None,
    full: of.Full = False,
    channels: of.Channels = None,
    limit: of.Limit = 12.0,
    overwrite: of.OverwriteFile = False,
    memory: of.Memory = 4.0,
    as_json: of.Json = False,
) -> None:
    """Write the page to one HTML file, to keep, mail or put on a website: it needs no program and no network.

    What does not fit in --limit is left out: numbers of the channels that matter least. Every channel has a picture.
    """
    from convscope.app.export import run
    from convscope.app.opening import Request

    request = Request(source, weights, seed, scale, size, out, [], overwrite, memory, as_json, fit, labels, trust)
    run(request, net, model, full=full, channels=channels, limit=limit)


@app.command(epilog="Example: convscope predict photos/ --model catdog")
def predict(
    images: of.Photos,
    model: of.Classifier = None,
    weights: of.Weights = None,
    scale: of.Scale = None,
    size: of.Size = None,
    fit: of.Fit = None,
    labels: of.Labels = None,
    trust: of.Trust = False,
    top: of.Top = None,
    table: of.Table = None,
    overwrite: of.OverwriteFile = False,
    as_json: of.Json = False,
) -> None:
    """Name photos: one line each, with the likeliest classes and how likely they are.

    Files that cannot be read are told of on standard error, the others go on; the exit status is 1 then.
    """
    from convscope.app.predict import Wish, run

    run(Wish(images, model, weights, scale, size, top, table, overwrite, as_json, fit, labels, trust))


@app.command(epilog="Example: convscope explain cat.jpg --class cat --method gradcam,occlusion")
def explain(
    images: of_explain.Images = None,
    net: of.Net = None,
    model: of.Model = None,
    classes: of_explain.Classes = None,
    method: of_explain.Methods = None,
    layer: of_explain.At = None,
    thorough: of_explain.Thorough = False,
    maximise: of_explain.Maximise = None,
    weights: of.Weights = None,
    seed: of.Seed = 0,
    scale: of.Scale = None,
    size: of.Size = None,
    fit: of.Fit = None,
    labels: of.Labels = None,
    trust: of.Trust = False,
    out: of.Out = None,
    overwrite: of.Overwrite = False,
    memory: of.Memory = 4.0,
    no_html: of.NoHtml = False,
    listed: of_explain.Listed = False,
    as_json: of.Json = False,
) -> None:
    """Show where an answer came from: a heat map over the photo, and whether it is to be believed.

    Every map is measured against a random one, an edge detector and the photo's middle. Of many photos: a table, and a
    picture of each.
    """
    from convscope.app.explain_request import Asked, run
    from convscope.app.opening import Request

    request = Request(
        None, weights, seed, scale, size, out, layer or [], overwrite, memory, as_json, fit, labels, trust
    )
    run(Asked(request, images or [], net, model, classes or [], method or [], thorough, maximise, not no_html, listed))


@app.command(epilog="Example: convscope train fashion-mnist --net cnn --epochs 3")
def train(
    data: of_train.Data = None,
    net: of_train.TrainNet = None,
    model: of_train.TrainModel = None,
    compare: of_train.Compare = None,
    out: of_train.Run = None,
    resume: of_train.Resume = False,
    epochs: of_train.Epochs = None,
    batch: of_train.Batch = None,
    learning_rate: of_train.LearningRate = None,
    optimizer: of_train.Optimizer = None,
    schedule: of_train.Schedule = None,
    weight_decay: of_train.WeightDecay = None,
    label_smoothing: of_train.Smoothing = None,
    ema: of_train.Ema = None,
    patience: of_train.Patience = None,
    augment: of_train.AugmentText = None,
    size: of_train.PictureSize = None,
    scale: of_train.TrainScale = None,
    validation: of_train.Validation = None,
    seed: of_train.TrainSeed = None,
    precision: of_train.Precision = None,
    device: of_train.Device = None,
    threads: of_train.Threads = None,
    workers: of_train.Workers = None,
    probe: of_train.Probe = None,
    no_probe: of_train.NoProbe = False,
    no_cache: of_train.NoCache = False,
    download: of_train.Download = False,
    overwrite: of_train.OverwriteRun = False,
    as_json: of.Json = False,
) -> None:
    """Train a network to tell classes of pictures apart, and show how it learns.

    Writes RUN/network.safetensors, which every command opens with --model RUN, and pictures: curves, confusion,
    mistakes, and one photo after every epoch. Ctrl-C stops it; --resume --out RUN goes on.
    """
    from convscope.app.train import run
    from convscope.app.train_request import Typed

    fields = {
        "epochs": epochs, "batch": batch, "learning_rate": learning_rate, "optimizer": optimizer, "schedule": schedule,
        "weight_decay": weight_decay, "label_smoothing": label_smoothing, "ema": ema, "patience": patience,
        "augment": augment, "scale": scale, "validation": validation, "seed": seed, "precision": precision,
        "device": device, "threads": threads,
    }  # fmt: skip
    run(
        Typed(
            data, net, model, compare, out, size, probe, no_probe, no_cache, workers, download, resume, overwrite,
            as_json, fields,
        )
    )  # fmt: skip


@app.command(epilog="Example: convscope serve cat.jpg --net fashion-cnn")
def serve(
    image: of.Image = None,
    net: of.Nets = None,
    model: of.Models = None,
    weights: of.Weights = None,
    seed: of.Seed = 0,
    scale: of.Scale = None,
    size: of.Size = None,
    fit: of.Fit = None,
    labels: of.Labels = None,
    trust: of.Trust = False,
    port: of.Port = None,
    host: of.Host = "127.0.0.1",
    no_browser: of.NoBrowser = False,
) -> None:
    """Open the page in a browser: your pictures, your networks, every number. Ctrl-C stops it.

    Only this machine can reach it. Without a command, convscope does the same.
    """
    from convscope.app.opening import Request
    from convscope.app.serve import run

    request = Request(
        image, weights, seed, scale, size, None, [], overwrite=False, memory=4.0, as_json=False, fit=fit, labels=labels,
        trust=trust,
    )  # fmt: skip
    run(request, net or [], model or [], host=host, port=port, browser=not no_browser)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 the work failed, 2 the call was wrong, 4 disk full, 130 stopped."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]  # wherever it was typed
    sys.path.insert(0, "")  # package.module:function is found as `python -m` would find it
    try:
        status = app(arguments or ["serve"], prog_name="convscope", standalone_mode=False)
        if status == INTERRUPTED:  # how typer reports Ctrl-C
            _said(STOPPED, INTERRUPTED)
    except typer.Exit as done:
        status = done.exit_code
    except SystemExit as closed:  # whoever read the output has gone (`convscope see | head`); nobody is left to tell
        status = closed.code
    except BaseException as error:  # everything becomes one sentence and a status
        if debug:
            raise
        status = _explained(error)
    sys.exit(status if isinstance(status, int) else 0)


def _explained(error: BaseException) -> int:
    """Say in one sentence what went wrong; the exit status."""
    text, status = sentence_for(error)
    return _said(text, status)


def _said(text: str, status: int) -> int:
    print(f"convscope: {text}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
