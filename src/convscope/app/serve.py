"""``convscope serve``: the page in a browser, networks run on demand."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.app.console import note
from convscope.app.opening import DEFAULT_NET, Request

if TYPE_CHECKING:
    from convscope.adapters import Options
    from convscope.server.networks import Offer, Settings

#: After Ctrl-C, so long for threads that are in the middle of a step.
GRACE = 0.3


def run(
    request: Request, nets: Sequence[str], models: Sequence[str], *, host: str, port: int | None, browser: bool
) -> None:
    """Do what the command line asked for, until Ctrl-C; see :func:`convscope.app.cli.serve`."""
    from convscope.image import open_image
    from convscope.server import Settings as ServerSettings
    from convscope.server import hosting, make_app
    from convscope.server.guard import Keys
    from convscope.server.networks import Settings

    options = request.options()
    picture = open_image(request.photo)
    usual = Settings(options.seed, options.scale, options.size)
    offers = _offers(nets, models, picture, usual, options)
    bound = hosting.listen(host, port)
    keys = Keys(f"convscope_{bound.getsockname()[1]}")
    app = make_app(
        ServerSettings(
            hosting.names_of(bound, host),
            keys,
            pictures=[picture] if request.image else [],
            networks=offers,
            begin=offers[0].id if offers else DEFAULT_NET,
            usual=usual,
            warm=True,
        )
    )
    address = f"{hosting.address_of(bound, host)}?token={keys.token}"
    if not hosting.is_local(bound):
        note(
            f"convscope: listening on {host}, so other machines can reach this server; whoever learns the address "
            "with its token can use it, and nothing on the way is encrypted"
        )
    hosting.make_server(app, lambda: _ready(address, browser)).run(sockets=[bound])
    note("convscope: stopped")
    _end(app.stop(GRACE))


def _offers(
    nets: Sequence[str], models: Sequence[str], picture: object, usual: Settings, options: Options
) -> list[Offer]:
    from convscope.image import Picture
    from convscope.server.networks import given_model, given_spec

    assert isinstance(picture, Picture)
    weights = None if options.weights is None else Path(options.weights)
    references = [*nets] if nets or models or weights is None else [DEFAULT_NET]
    found = [given_spec(net, number, weights) for number, net in enumerate(references, 1)]
    return [
        *found,
        *(given_model(model, len(found) + n, weights, picture, usual, options) for n, model in enumerate(models, 1)),
    ]


def _ready(address: str, browser: bool) -> None:
    print(f"convscope is at {address}  (Ctrl-C stops it)", flush=True)
    if browser and _has_display():
        threading.Thread(target=_open_browser, args=(address,), daemon=True).start()


def _has_display() -> bool:
    """Whether a browser would appear; without a display, one that draws text could take the terminal."""
    if sys.platform in {"win32", "darwin"} or os.environ.get("BROWSER"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open_browser(address: str) -> None:
    import webbrowser

    try:
        webbrowser.open(address)
    except Exception:  # noqa: BLE001 - the address was printed, which is enough
        return


def _end(ended: bool) -> None:
    """Leave at once where a thread is still in the middle of a step: nothing of it is on any disk."""
    if not ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
