"""The HTTP interface as an OpenAPI 3.1 document; a test holds every line of it against real answers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from convscope import __version__
from convscope.explaining.methods import METHODS
from convscope.server.mapwishes import LONGEST_NAME
from convscope.server.wishes import LARGEST_SEED, SCALES

Json = dict[str, Any]

COMMON = {
    401: "No cookie of this server; open the address that convscope printed.",
    403: "The request comes from a page of another site.",
    421: "The Host header is missing, doubled, or names another server.",
    503: "Too much at the same time; come back after Retry-After seconds.",
}
"""What every operation may answer."""

REASONS = {
    400: "The body is not what it was announced to be.",
    404: "There is nothing of that name, or it is no longer kept.",
    408: "The body did not arrive in time.",
    409: "The run (or the explanation) has no result, or not yet.",
    413: "The body is too large.",
    415: "The body is not announced as JSON.",
    416: "More than one range, or one that is not in the file.",
    422: "The request was understood and cannot be met; the sentence says why.",
}

TEXT: Json = {"type": "string"}
COUNT: Json = {"type": "integer", "minimum": 0}
SIDE: Json = {"type": "integer", "minimum": 1, "maximum": 4096}
SIZE: Json = {"type": ["array", "null"], "items": SIDE, "minItems": 2, "maxItems": 2}
SEED: Json = {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED}
SCALE: Json = {"type": "string", "enum": list(SCALES)}
SCALE_OR_OWN: Json = {"type": ["string", "null"], "enum": [*SCALES, None]}


def _object(required: Mapping[str, Json], optional: Mapping[str, Json] | None = None) -> Json:
    properties = {**required, **(optional or {})}
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(kind: str) -> Json:
    return {"type": [kind, "null"]}


METHOD: Json = {"type": "string", "enum": list(METHODS)}
CLASS: Json = {"type": ["integer", "null"], "minimum": 0, "maximum": 2**31 - 1}
MAP_SETTINGS: Json = {
    "target": CLASS,
    "against": CLASS,
    "layer": {"type": ["string", "null"], "maxLength": LONGEST_NAME},
    "thorough": {"type": "boolean"},
}
NEWS: Json = {
    "id": TEXT,
    "state": {"type": "string", "enum": ["waiting", "running", "done", "failed", "cancelled"]},
    "progress": _object({"step": _or_null("integer"), "name": TEXT, "done": COUNT, "total": _or_null("integer")}),
    "message": _or_null("string"),
}
SETTINGS: Json = {"seed": SEED, "scale": SCALE_OR_OWN, "size": SIZE}

SCHEMAS: dict[str, Json] = {
    "Error": _object({"error": _object({"code": TEXT, "message": TEXT})}),
    "Ping": _object({"convscope": TEXT}),
    "Sample": _object(
        {"name": TEXT, "width": SIDE | {"maximum": 50_000_000}, "height": SIDE | {"maximum": 50_000_000}}
    ),
    "Network": _object(
        {
            "id": _or_null("string"),
            "title": TEXT,
            "kind": {"type": "string", "enum": ["given", "trained", "shelf", "text"]},
            "spec": _or_null("string"),
        }
    ),
    "Method": _object(
        {
            "name": METHOD,
            "title": TEXT,
            "family": {"type": "string", "enum": ["cam", "gradient", "perturbation"]},
            "layered": {"type": "boolean"},
            "warning": TEXT,
        }
    ),
    "State": _object(
        {
            "convscope": TEXT,
            "limits": _object({"picture": COUNT, "json": COUNT, "side": COUNT, "values": COUNT}),
            "networks": {"type": "array", "items": _ref("Network")},
            "samples": {"type": "array", "items": _ref("Sample")},
            "scales": {"type": "array", "items": SCALE},
            "methods": {"type": "array", "items": _ref("Method")},
            "default": _object({"picture": TEXT, "network": TEXT, **SETTINGS}),
        }
    ),
    "Picture": _object(
        {"id": TEXT, "name": TEXT, "width": COUNT, "height": COUNT, "notes": {"type": "array", "items": TEXT}}
    ),
    "Request": _object(
        {
            "picture": {"oneOf": [_object({"id": TEXT}), _object({"sample": TEXT})]},
            "network": {"oneOf": [_object({"id": TEXT}), _object({"spec": TEXT})]},
        },
        SETTINGS,
    ),
    "Started": _object({"id": TEXT}),
    "MapRequest": _object({"method": METHOD}, MAP_SETTINGS),
    "MapNews": _object({**NEWS, "trace": TEXT, "method": METHOD, **MAP_SETTINGS}),
    "Run": _object(
        {
            **NEWS,
            "network": _ref("Network"),
            "picture": _ref("Sample"),
            **SETTINGS,
        }
    ),
}


def _json(name: str) -> Json:
    return {"application/json": {"schema": _ref(name)}}


def _bytes(media_type: str) -> Json:
    return {media_type: {"schema": {"type": "string", "format": "binary"}}}


def _parameter(name: str, place: str, schema: Json, text: str) -> Json:
    return {"name": name, "in": place, "required": place == "path", "schema": schema, "description": text}


def _operation(
    name: str,
    summary: str,
    answers: Mapping[int, tuple[str, Json]],
    refusals: tuple[int, ...] = (),
    parameters: tuple[Json, ...] = (),
    body: Json | None = None,
) -> Json:
    responses: Json = {}
    for status, (text, content) in answers.items():
        responses[str(status)] = {"description": text} | ({"content": content} if content else {})
    for status in refusals:
        responses[str(status)] = {"description": REASONS[status], "content": _json("Error")}
    for status in COMMON:
        responses[str(status)] = {"$ref": f"#/components/responses/{status}"}
    operation: Json = {"operationId": name, "summary": summary, "responses": dict(sorted(responses.items()))}
    if parameters:
        operation["parameters"] = list(parameters)
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    return operation


ID = _parameter("id", "path", TEXT, "As it was answered when the thing was made.")
RANGE = _parameter("Range", "header", TEXT, "One range of bytes, such as bytes=0-65535.")
WAIT = _parameter(
    "wait", "query", {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    "Hold the answer until there is news, for so many seconds (30 at most).",
)  # fmt: skip
SEEN = _parameter(
    "seen", "query", {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    "With wait: more than so many steps (or passes) done is news; without it only the end is.",
)  # fmt: skip
TOKEN = _parameter("token", "query", TEXT, "From the printed address: answered with a cookie and a way to /.")
PICTURE_NAME = _parameter("name", "query", TEXT, "What to call it.")
WHOLE: tuple[str, Json] = ("The file.", _bytes("application/octet-stream"))
PART: tuple[str, Json] = ("The range asked for.", _bytes("application/octet-stream"))
PNG: tuple[str, Json] = ("A PNG, 320 pixels at most.", _bytes("image/png"))

PATHS: dict[str, Json] = {
    "/": {
        "get": _operation(
            "page", "The page", {200: ("HTML", _bytes("text/html")), 303: ("Let in.", {})}, (404,), (TOKEN,)
        )
    },
    "/favicon": {"get": _operation("icon", "A picture for the tab", {200: ("SVG", _bytes("image/svg+xml"))})},
    "/web/{path}": {
        "get": _operation(
            "file",
            "A file of the page, from a list made at the start",
            {200: ("The file.", _bytes("*/*"))},
            (404,),
            (_parameter("path", "path", TEXT, "As the page has it."),),
        )
    },
    "/api/ping": {"get": _operation("ping", "Whether the server is there", {200: ("It is.", _json("Ping"))})},
    "/api/openapi.json": {
        "get": _operation("openapi", "This document", {200: ("OpenAPI 3.1", {"application/json": {"schema": {}}})})
    },
    "/api/state": {"get": _operation("state", "What can be run", {200: ("The shelf.", _json("State"))})},
    "/api/samples/{name}": {
        "get": _operation(
            "sample", "A photo of the shelf", {200: PNG}, (404,), (_parameter("name", "path", TEXT, "From state."),)
        )
    },
    "/api/pictures": {
        "post": _operation(
            "addPicture",
            "Upload a picture; its content decides what it is",
            {201: ("It is there.", _json("Picture"))},
            (400, 408, 413, 422),
            (PICTURE_NAME,),
            _bytes("*/*"),
        )
    },
    "/api/pictures/{id}": {"get": _operation("picture", "An uploaded picture, small", {200: PNG}, (404,), (ID,))},
    "/api/traces": {
        "post": _operation(
            "start",
            "Run a network on a picture; the same request again may give the same run",
            {202: ("It is on its way.", _json("Started"))},
            (400, 404, 408, 413, 415, 422),
            (),
            _json("Request"),
        )
    },
    "/api/traces/{id}": {
        "get": _operation("news", "How far a run is", {200: ("News.", _json("Run"))}, (404, 422), (ID, WAIT, SEEN)),
        "delete": _operation("drop", "Cancel a run, or forget one that is over", {204: ("Done.", {})}, (404,), (ID,)),
    },
    "/api/traces/{id}/trace": {
        "get": _operation(
            "trace", "The trace file (docs/format.md)", {200: WHOLE, 206: PART}, (404, 409, 416), (ID, RANGE)
        ),
        "head": _operation(
            "traceSize", "Its size", {200: ("No body.", {}), 206: ("No body.", {})}, (404, 409, 416), (ID, RANGE)
        ),
    },
    "/api/traces/{id}/overview": {
        "get": _operation("overview", "What a page shows first (docs/page.md)", {200: WHOLE}, (404, 409), (ID,))
    },
    "/api/traces/{id}/page": {
        "get": _operation(
            "export", "The trace as one HTML file", {200: ("A download.", _bytes("text/html"))}, (404, 409), (ID,)
        )
    },
    "/api/traces/{id}/maps": {
        "post": _operation(
            "explain",
            "Explain the answer of a trace with a heat map; the same request again may give the same one",
            {202: ("It is on its way.", _json("Started"))},
            (400, 404, 408, 409, 413, 415, 422),
            (ID,),
            _json("MapRequest"),
        )
    },
    "/api/maps/{id}": {
        "get": _operation(
            "mapNews", "How far an explanation is", {200: ("News.", _json("MapNews"))}, (404, 422), (ID, WAIT, SEEN)
        ),
        "delete": _operation(
            "dropMap", "Cancel an explanation, or forget one that is over", {204: ("Done.", {})}, (404,), (ID,)
        ),
    },
    "/api/maps/{id}/map": {
        "get": _operation("map", "The map with its evidence (docs/page.md)", {200: WHOLE}, (404, 409), (ID,))
    },
}


@cache
def description() -> Json:
    """The OpenAPI document.

    >>> sorted(description()["paths"])[:2]
    ['/', '/api/maps/{id}']
    """
    responses = {str(status): {"description": text, "content": _json("Error")} for status, text in COMMON.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "convscope", "version": __version__, "description": "The local server of convscope serve."},
        "paths": PATHS,
        "components": {"schemas": SCHEMAS, "responses": responses},
    }
