"""What goes wrong when weights are fetched, in one sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from convscope.adapters.hub import Reference
from convscope.errors import ConvscopeError, ModelError

ABSENT = {
    "RepositoryNotFoundError", "GatedRepoError", "RevisionNotFoundError", "EntryNotFoundError",
    "HFValidationError",
}  # fmt: skip
"""Errors of the hub that say that something is not there, or not for everybody."""
UNREACHED = {
    "OfflineModeIsEnabled", "LocalEntryNotFoundError", "ConnectionError", "ConnectError", "ConnectTimeout",
    "ReadTimeout", "Timeout", "TimeoutException", "URLError", "HTTPError", "HTTPStatusError", "HfHubHTTPError",
    "ProxyError", "SSLError", "gaierror", "TimeoutError", "RemoteProtocolError", "NetworkError",
}  # fmt: skip


@contextmanager
def fetching(reference: Reference) -> Iterator[None]:
    """Errors of networks and hubs as one sentence that says how to go on without them.

    Raises:
        ModelError: there is no network, the hub is told to stay offline, or it has no such thing.
    """
    try:
        yield
    except ConvscopeError:
        raise
    except Exception as error:
        names = {kind.__name__ for one in _chain(error) for kind in type(one).__mro__}
        text = f"{reference.hub}:{reference.name}"
        if names & ABSENT and not names & {"LocalEntryNotFoundError", "OfflineModeIsEnabled"}:
            raise ModelError(
                f"the hub has no {text}, or not for everybody ({_line(error)}); check the name, or log in with: hf "
                "auth login"
            ) from error
        if names & UNREACHED:
            raise ModelError(f"{text} is not on this machine and {_why()}; {_instead(reference)}") from error
        raise


def _why() -> str:
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}:
        return "HF_HUB_OFFLINE keeps it from being fetched"
    return "it cannot be fetched: there is no network, or the hub does not answer"


def _instead(reference: Reference) -> str:
    if reference.hub == "hf":
        return "fetch it once where there is a network, or bring its folder's file and give that"
    return f"give a file with weights (--weights FILE), or take random ones with {reference.random()}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that led to it."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def _line(error: BaseException, most: int = 120) -> str:
    text = " ".join(str(error).split())
    short = text if len(text) <= most else f"{text[:most]}..."
    return short if short.isprintable() else ascii(short)
