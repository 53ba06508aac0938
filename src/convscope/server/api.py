"""The routes: what each address answers. :mod:`convscope.server.description` says it as an OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from convscope import __version__
from convscope.errors import CallError, ImageError
from convscope.image import Picture, open_image
from convscope.page.maps import map_bytes
from convscope.server.answers import Refusal, json_answer, refused
from convscope.server.bodies import read_body, read_json
from convscope.server.description import description
from convscope.server.explanations import Explanations
from convscope.server.files import ICON, INDEX, File
from convscope.server.jobs import Job, Result
from convscope.server.limits import Limits
from convscope.server.mapwishes import known_methods, read_map_wish
from convscope.server.networks import Networks, Settings
from convscope.server.pictures import Photo, Pictures
from convscope.server.ranges import wanted_range
from convscope.server.runs import Runs
from convscope.server.wishes import SCALES, read_wish
from convscope.traces import Trace

Handler = Callable[[Request], Awaitable[Response]]

_TYPE = "application/octet-stream"


class Api:
    """What the routes share.

    Args:
        files: of the page, by name.
        pictures, networks: what there is to run.
        begin: name of the network to begin with.
        usual: settings for what a request does not say.
        limits: what is refused.
    """

    def __init__(
        self,
        files: dict[str, File],
        pictures: Pictures,
        networks: Networks,
        begin: str,
        usual: Settings,
        limits: Limits,
    ) -> None:
        self._files, self._pictures, self._networks = files, pictures, networks
        self._begin, self._usual, self._limits = begin, usual, limits
        self.runs: Runs | None = None
        self.explanations: Explanations | None = None

    def routes(self) -> list[Route]:
        """Every address that answers, with every method that it takes; nothing else does."""
        return [
            _resource("/", GET=self.index),
            _resource("/favicon", GET=self.icon),
            _resource("/web/{path:path}", GET=self.file),
            _resource("/api/ping", GET=self.ping),
            _resource("/api/openapi.json", GET=self.openapi),
            _resource("/api/state", GET=self.state),
            _resource("/api/samples/{name}", GET=self.sample),
            _resource("/api/pictures", POST=self.add_picture),
            _resource("/api/pictures/{id}", GET=self.picture),
            _resource("/api/traces", POST=self.add_trace),
            _resource("/api/traces/{id}", GET=self.trace_news, DELETE=self.drop_trace),
            _resource("/api/traces/{id}/trace", GET=self.trace_file, HEAD=self.trace_file),
            _resource("/api/traces/{id}/overview", GET=self.overview),
            _resource("/api/traces/{id}/page", GET=self.page),
            _resource("/api/traces/{id}/maps", POST=self.add_map),
            _resource("/api/maps/{id}", GET=self.map_news, DELETE=self.drop_map),
            _resource("/api/maps/{id}/map", GET=self.map_file),
        ]

    @property
    def _running(self) -> Runs:
        assert self.runs is not None, "the server has started"
        return self.runs

    @property
    def _explaining(self) -> Explanations:
        assert self.explanations is not None, "the server has started"
        return self.explanations

    async def index(self, _request: Request) -> Response:
        """The page."""
        return self._page_file(INDEX)

    async def file(self, request: Request) -> Response:
        """A file that the page loads."""
        path = request.path_params["path"]
        return self._page_file("" if path == INDEX else path)

    def _page_file(self, name: str) -> Response:
        found = self._files.get(name)
        if found is None:
            raise nothing_here()
        return Response(found.content, media_type=found.type)

    async def icon(self, _request: Request) -> Response:
        """A picture for the tab."""
        return Response(ICON, media_type="image/svg+xml")

    async def ping(self, _request: Request) -> Response:
        """Whether the server is there."""
        return json_answer({"convscope": __version__})

    async def openapi(self, _request: Request) -> Response:
        """The interface, described."""
        return json_answer(description())

    async def state(self, _request: Request) -> Response:
        """What there is, and what to begin with."""
        limits, usual = self._limits, self._usual
        return json_answer(
            {
                "convscope": __version__,
                "limits": {
                    "picture": limits.picture,
                    "json": limits.json,
                    "side": limits.side,
                    "values": limits.values,
                },
                "networks": [offer.facts() for offer in self._networks.offers],
                "samples": [photo.facts() for photo in self._pictures.shelf],
                "scales": list(SCALES),
                "methods": known_methods(),
                "default": {
                    "picture": self._pictures.shelf[0].name,
                    "network": self._begin,
                    "seed": usual.seed,
                    "scale": usual.scale,
                    "size": usual.size and list(usual.size),
                },
            }
        )

    async def sample(self, request: Request) -> Response:
        """A photo of the shelf, small."""
        return await self._small(self._pictures.sample(request.path_params["name"]))

    async def picture(self, request: Request) -> Response:
        """An uploaded picture, small."""
        return await self._small(self._pictures.upload(request.path_params["id"]))

    async def _small(self, photo: Photo) -> Response:
        return Response(await self._running.help(photo.small), media_type="image/png")

    async def add_picture(self, request: Request) -> Response:
        """Take a picture, judged by its content alone."""
        data = await read_body(request, self._limits.picture, self._limits.body_seconds)
        name = request.query_params.get("name", "")

        def opened() -> Picture:
            return open_image(data, name=name or "picture")

        photo = self._pictures.add(await self._running.help(opened))
        return json_answer({"id": photo.key, **photo.facts(), "notes": list(photo.picture.notes)}, 201)

    async def add_trace(self, request: Request) -> Response:
        """Run a network on a picture."""
        data = await read_json(request, self._limits.json, self._limits.body_seconds)
        wish = read_wish(data, self._pictures, self._networks, self._usual, self._limits)
        job = await self._running.start(wish)
        return json_answer({"id": job.id}, 202)

    async def trace_news(self, request: Request) -> Response:
        """How far a run is; held until there is news where the request says how long."""
        return await self._news(request, self._running.job(request.path_params["id"]))

    async def _news(self, request: Request, job: Job) -> Response:
        wait = _number(request, "wait", 0.0)
        seen = _number(request, "seen", -1.0) if "seen" in request.query_params else None
        await job.news(None if seen is None else int(seen), min(wait, self._limits.wait_seconds))
        return json_answer(job.facts())

    async def drop_trace(self, request: Request) -> Response:
        """Cancel or forget."""
        self._running.drop(request.path_params["id"])
        return Response(status_code=204)

    async def trace_file(self, request: Request) -> Response:
        """The trace's file, whole or one range of it."""
        file = self._running.result(request.path_params["id"]).file
        asked = None if "if-range" in request.headers else wanted_range(request.headers.getlist("range"), file.size)
        start, stop = asked or (0, file.size)
        headers = {"Content-Length": str(stop - start), "Accept-Ranges": "bytes"}
        if asked:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
        status = 206 if asked else 200
        if request.method == "HEAD":
            return Response(b"", status, headers, media_type=_TYPE)
        return StreamingResponse(_parts(file.read(start, stop)), status, headers, media_type=_TYPE)

    async def overview(self, request: Request) -> Response:
        """What the page shows first."""
        result = self._running.result(request.path_params["id"])
        return Response(await self._running.overview(result), media_type=_TYPE)

    async def page(self, request: Request) -> Response:
        """The trace as one HTML file to keep."""
        result = self._running.result(request.path_params["id"])
        html = await self._running.help(lambda: _page(result))
        headers = {"Content-Disposition": f'attachment; filename="{file_name(result.trace)}"'}
        return Response(html, headers=headers, media_type="text/html; charset=utf-8")

    async def add_map(self, request: Request) -> Response:
        """Explain the answer of a trace."""
        data = await read_json(request, self._limits.json, self._limits.body_seconds)
        wish = read_map_wish(data)
        return json_answer({"id": self._explaining.start(request.path_params["id"], wish).id}, 202)

    async def map_news(self, request: Request) -> Response:
        """How far an explanation is; held as :meth:`trace_news`."""
        return await self._news(request, self._explaining.job(request.path_params["id"]))

    async def drop_map(self, request: Request) -> Response:
        """Cancel or forget."""
        self._explaining.drop(request.path_params["id"])
        return Response(status_code=204)

    async def map_file(self, request: Request) -> Response:
        """The map with its evidence, as a file of its own."""
        made = self._explaining.map(request.path_params["id"])
        return Response(await self._running.help(lambda: map_bytes(made)), media_type=_TYPE)


async def _parts(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    for part in parts:  # an ordinary iterator would be walked in a thread of its own
        yield part


def _page(result: Result) -> bytes:
    from convscope import page

    return bytes(page.html_bytes(result.trace))


def file_name(trace: Trace) -> str:
    """A name for a trace's page that is a file name everywhere, whatever the photo is called."""
    stem = str(trace.about.get("image", {}).get("name", "")).rpartition(".")[0] or "photo"
    return f"convscope-{re.sub(r'[^A-Za-z0-9_-]+', '_', stem)[:60].strip('_') or 'photo'}.html"


def _number(request: Request, name: str, usual: float) -> float:
    text = request.query_params.get(name)
    if text is None:
        return usual
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        raise Refusal(422, "request", f"{name!r} is no whole number of up to nine digits; send one, or leave it out")
    return float(text)


def nothing_here() -> Refusal:
    """For every address that is on no list."""
    return Refusal(404, "path", "there is nothing at this address; begin at /")


def _resource(path: str, **handlers: Handler) -> Route:
    """A route that takes exactly these methods."""

    async def answer(request: Request) -> Response:
        handler = handlers.get(request.method)
        if handler is None:
            allowed = ", ".join(sorted(handlers))
            raise Refusal(405, "method", f"this address takes {allowed} only", {"Allow": allowed})
        return await handler(request)

    route = Route(path, answer)
    route.methods = None  # so that the answer above says which there are
    route.name = ",".join(sorted(handlers))
    return route


async def on_refusal(_request: Request, error: Exception) -> Response:
    """Starlette's way to answer an exception: a refusal of ours."""
    assert isinstance(error, Refusal)
    return refused(error)


async def on_call_error(_request: Request, error: Exception) -> Response:
    """A picture, a text or a network that cannot be used."""
    assert isinstance(error, CallError)
    code = "picture" if isinstance(error, ImageError) else "network"
    return refused(Refusal(422, code, str(error)))


async def on_nothing(_request: Request, _error: Exception) -> Response:
    """No route has this address."""
    return refused(nothing_here())


async def on_defect(_request: Request, error: Exception) -> Response:
    """A defect of ours; what happened is printed where the server runs, not sent."""
    return refused(Refusal(500, "defect", f"internal error ({type(error).__name__}); the terminal shows where"))
