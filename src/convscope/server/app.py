"""The parts put together: one ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from convscope.errors import CallError
from convscope.image import Picture
from convscope.server import api as routes
from convscope.server.answers import Refusal
from convscope.server.api import Api
from convscope.server.explanations import Explanations
from convscope.server.files import page_files
from convscope.server.guard import Guard, Keys, Names
from convscope.server.limits import Limits
from convscope.server.networks import Networks, Offer
from convscope.server.networks import Settings as RunSettings
from convscope.server.pictures import Pictures
from convscope.server.runs import Runs
from convscope.server.wishes import Wish


@dataclass(frozen=True)
class Settings:
    """One server.

    Attributes:
        names: what it is called in the Host header.
        keys: token and cookie.
        pictures: photos from the command line, before the shelf.
        networks: from the command line.
        begin: name of the network to begin with.
        usual: seed, scale and size where a request does not say.
        limits: what is refused.
        web: folder of the page, where it is not the package's own.
        warm: run the first network at once, so that the page finds it done.
    """

    names: Names
    keys: Keys
    pictures: Sequence[Picture] = ()
    networks: Sequence[Offer] = ()
    begin: str = "catdog"
    usual: RunSettings = field(default_factory=RunSettings)
    limits: Limits = field(default_factory=Limits)
    web: Traversable | None = None
    warm: bool = False


@dataclass(frozen=True)
class App:
    """What is served, and the runs behind it once it has started."""

    guard: Guard
    api: Api

    def close(self) -> None:
        """Answer whoever waits for news; the server is about to end."""
        for part in (self.api.runs, self.api.explanations):
            if part is not None:
                part.close()

    def stop(self, seconds: float) -> bool:
        """End the threads; whether they ended in time."""
        ended = True
        for part in (self.api.explanations, self.api.runs):
            ended = (part is None or part.stop(seconds / 2)) and ended
        return ended


def make_app(settings: Settings) -> App:
    """The application of one server.

    Its threads start with the application (ASGI lifespan) and are ended by :meth:`App.stop`.
    """
    limits = settings.limits
    pictures, networks = Pictures(settings.pictures, limits), Networks(settings.networks, limits)
    api = Api(page_files(settings.web), pictures, networks, settings.begin, settings.usual, limits)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        api.runs = Runs(networks, limits)
        api.explanations = Explanations(api.runs, limits)
        if settings.warm:
            await _warm(api.runs, Wish(pictures.shelf[0], networks.named(settings.begin), settings.usual))
        yield
        api.runs.close()
        api.explanations.close()

    inner = Starlette(
        routes=api.routes(),
        lifespan=lifespan,
        exception_handlers={
            Refusal: routes.on_refusal,
            CallError: routes.on_call_error,
            HTTPException: routes.on_nothing,
            Exception: routes.on_defect,
        },
    )
    inner.router.redirect_slashes = False
    return App(Guard(inner, settings.names, settings.keys, limits.requests), api)


async def _warm(runs: Runs, wish: Wish) -> None:
    try:
        await runs.start(wish)
    except CallError:  # said again, to the one who asks for it
        return
