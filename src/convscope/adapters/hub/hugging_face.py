"""``hf:OWNER/NAME``: networks of the Hugging Face hub, by its own library, which keeps what it fetched.

Two kinds are understood: a repository with timm's configuration and weights, and one file of any kind that convscope
opens, named behind the repository (``hf:owner/name/model.onnx``). Weights are read without running anything. With
``HF_HUB_OFFLINE=1`` only what was fetched before is used.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from convscope.adapters.brought import Brought
from convscope.adapters.doors import FILES, package, through_a_door
from convscope.adapters.hub import Reference
from convscope.adapters.hub.fetching import fetching
from convscope.adapters.hub.timm_models import configured, created, labels_of
from convscope.adapters.options import Options
from convscope.errors import ModelError
from convscope.weights.value import shown

MOST_CONFIG = 4 << 20
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
ARCHITECTURE = re.compile(r"\w+(\.\w+)?")


def open_network(reference: Reference, options: Options) -> Brought:
    """A network of the hub.

    Raises:
        ModelError: there is none of that name, it is of a kind that is not understood, or it cannot be fetched.
        WeightsError: its weights are damaged or do not fit.
    """
    owner, _, rest = reference.name.partition("/")
    name, _, file = rest.partition("/")
    if not name:
        raise ModelError(f"hf:{reference.name} lacks its owner; write it like hf:timm/resnet18.a1_in1k")
    hub = package("huggingface_hub", extra="hf", purpose=f"hf:{reference.name}")
    repository = _Repository(hub, f"{owner}/{name}", reference)
    if file:
        return _from_file(repository, file, options)
    config = repository.config()
    if config is not None and "architecture" in config:
        return _from_timm(repository, config, options)
    raise ModelError(_strange(repository, config))


class _Repository:
    """One repository of the hub, from which single files are fetched."""

    def __init__(self, hub: Any, name: str, reference: Reference) -> None:
        self._hub, self.name, self.reference = hub, name, reference

    def file(self, name: str) -> Path:
        """A file on this machine, fetched if it was not here.

        Raises:
            ModelError: the repository has none of that name, or it cannot be fetched.
        """
        with fetching(self.reference):
            return Path(self._hub.hf_hub_download(self.name, name, revision=self._revision))

    def config(self) -> dict[str, Any] | None:
        """Its ``config.json``; None where it has none.

        Raises:
            ModelError: it is no JSON, or the hub cannot be reached.
        """
        missing = getattr(self._hub.errors, "EntryNotFoundError", ())
        local = getattr(self._hub.errors, "LocalEntryNotFoundError", ())
        try:
            with fetching(self.reference):
                path = Path(self._hub.hf_hub_download(self.name, "config.json", revision=self._revision))
        except ModelError as error:
            cause = error.__cause__
            if isinstance(cause, missing) and not isinstance(cause, local):
                return None
            raise
        try:
            found = json.loads(path.read_bytes()[:MOST_CONFIG])
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise ModelError(f"the config.json of hf:{self.name} is no JSON object; it cannot be opened")
        return found

    @property
    def _revision(self) -> str | None:
        return self.reference.revision or None


def _from_file(repository: _Repository, file: str, options: Options) -> Brought:
    if Path(file).suffix.lower() not in FILES:
        raise ModelError(
            f"hf:{repository.reference.name} names a file of an unknown kind; convscope opens {', '.join(FILES)}"
        )
    path = repository.file(file)
    brought = through_a_door(path, options)
    assert brought is not None
    return brought


def _from_timm(repository: _Repository, config: dict[str, Any], options: Options) -> Brought:
    """The format of timm: ``architecture``, ``model_args``, ``num_classes``, ``pretrained_cfg``."""
    timm = package("timm", extra="timm", purpose=f"hf:{repository.name}")
    architecture = config["architecture"]
    if not isinstance(architecture, str) or not ARCHITECTURE.fullmatch(architecture) or not timm.is_model(architecture):
        raise ModelError(
            f"hf:{repository.name} is a network {shown(str(architecture)[:60])!r}, which timm does not have"
        )
    said = config.get("pretrained_cfg")
    merged: dict[str, Any] = {**(said if isinstance(said, dict) else {}), **_labels(config)}
    classes = config.get("num_classes", merged.get("num_classes"))
    more: dict[str, Any] = {} if type(classes) is not int or not 0 < classes <= 100_000 else {"num_classes": classes}
    wanted = repository.reference.wants_weights(options)
    reference = repository.reference
    model = created(timm, architecture, options.seed, pretrained=False, reference=reference, **more)
    if wanted:
        _fill(repository, model)
    preprocessing, notes = configured(merged, wanted=wanted, given=options.weights is not None)
    labels = labels_of({**merged, "num_classes": classes}, wanted)
    about = {"reference": f"hf:{repository.name}", "format": f"timm {timm.__version__}", "pretrained": wanted}
    return Brought(model.eval(), repository.name, preprocessing, labels, about, notes)


def _labels(config: dict[str, Any]) -> dict[str, Any]:
    return {name: config[name] for name in ("label_names", "label_descriptions") if name in config}


def _fill(repository: _Repository, model: Any) -> None:
    from convscope.weights import load_into

    try:
        path = repository.file(WEIGHTS[0])
    except ModelError as error:
        if "is not on this machine" in str(error):
            raise
        path = repository.file(WEIGHTS[1])
    report = load_into(model, path)
    if report.missing or report.mismatched:
        raise ModelError(
            f"the weights of hf:{repository.name} do not fit its architecture; {' '.join(str(report).split())}"
        )


def _strange(repository: _Repository, config: dict[str, Any] | None) -> str:
    """One sentence on a repository that cannot be opened."""
    name = repository.name
    made = config.get("architectures") if config else None
    if isinstance(made, list) and made:
        return (
            f"hf:{name} is a network of the library transformers ({shown(str(made[0])[:60])}), which is not opened by "
            "name; make it in a function of your own and give package.module:function, or name its ONNX file "
            f"(hf:{name}/model.onnx)"
        )
    return f"hf:{name} has no config.json of timm; name one of its files (hf:{name}/model.onnx, .keras, .pt) instead"
