"""The page's modules as one script.

A file opened from a disk cannot load modules, so they are joined: each becomes a function that is called once and
gives what it exports, dependencies first. What makes that simple is that our modules keep to a few forms, and
whatever else they may contain is refused here, by the name of the file:

* ``import { a, b as c } from "./x.js";`` at the start of a line;
* ``export const | function | async function | class`` at the start of a line, or one ``export { a as b };`` at the end;
* no cycles, and nothing that an HTML parser would take for the end of the script.

Comments stay behind, except for the libraries' licences.
"""

from __future__ import annotations

import functools
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

from convscope.errors import CallError
from convscope.page.comments import without_comments

WEB = Path(__file__).parents[1] / "web"
"""Where the page's own sources are."""

# Each begins with its word and looks back afterwards: so it is found by searching for the word, not place by place.
_IMPORT = re.compile(r"""import(?<![^\n;]import)\s*\{([^{}]*)\}\s*from\s*["'](\.{1,2}/[^"'\s]+)["'];?""")
_DECLARED = re.compile(r"export (?<![^\n;}]export )(?=(?:const|class|function|async function)\b\*?\s*([\w$]+))")
_LISTED = re.compile(r"export(?<![^\n;}]export)\s*\{([^{}]*)\};?\s*\Z")
_ALIAS = re.compile(r"([\w$]+)(?:\s+as\s+([\w$]+))?\Z")
_STRAY = (
    re.compile(r"import(?<![^\n]import)\b(?!\().*"),
    re.compile(r"export(?<![^\n]export)\b.*"),
    re.compile(r"await(?<![^\n]await)\b.*"),
    re.compile(r"import\.meta\b.*"),
    re.compile(r"import\(.*"),
)
_STYLESHEET = re.compile(r'<link rel="stylesheet" href="web/([^"]+)"\s*/?>')


@dataclass(frozen=True)
class _Module:
    """One source: what it imports by path, what it exports by local name, and its text without both."""

    path: str
    imports: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    exports: dict[str, str]
    text: str


@functools.cache
def bundle_script(folder: Path = WEB, entry: str = "main.js") -> str:
    """The module ``entry`` and all that it needs as one classic script, safe between script tags.

    Raises:
        CallError: a module is missing, or does what cannot be joined; the sentence names it.
    """
    modules = _in_order(folder, entry)
    variables = {module.path: f"module{i}" for i, module in enumerate(modules)}
    parts = [_licences(folder), *(_wrapped(module, variables) for module in modules)]
    return f"(() => {{\n{''.join(parts)}}})();\n"


@functools.cache
def bundle_styles(folder: Path = WEB) -> str:
    """The style sheets that ``index.html`` links, in its order, as one text.

    Raises:
        CallError: one is missing, would load something, or could end the style element.
    """
    sheets = _STYLESHEET.findall(read(folder, "index.html"))
    return "".join(_checked_style(path, read(folder, path)) for path in sheets)


def read(folder: Path, path: str) -> str:
    """One of the page's sources."""
    try:
        return (folder / path).read_text(encoding="utf-8")
    except OSError:
        raise CallError(f"the page's file '{path}' is missing; install convscope again") from None


def _checked_style(path: str, text: str) -> str:
    found = re.search(r"</style|<!--|@import|url\((?!['\"]?data:)", text, re.IGNORECASE)
    if found:
        raise CallError(f"{path} holds '{found[0]}', which a page in one file cannot have; write it without")
    return text if text.endswith("\n") else f"{text}\n"


def _in_order(folder: Path, entry: str) -> list[_Module]:
    """The modules, each after those it imports."""
    done: dict[str, _Module] = {}
    above: list[str] = []

    def visit(path: str) -> _Module:
        if path in above:
            raise CallError(f"modules import each other in a circle: {' -> '.join([*above, path])}; cut it somewhere")
        if path not in done:
            above.append(path)
            module = _parsed(path, read(folder, path))
            for source, names in module.imports:
                _check_names(module, source, names, visit(source))
            above.pop()
            done[path] = module
        return done[path]

    visit(entry)
    return list(done.values())


def _check_names(module: _Module, source: str, names: tuple[tuple[str, str], ...], found: _Module) -> None:
    for name, _ in names:
        if name not in found.exports:
            raise CallError(f"{module.path} imports '{name}' from {source}, which does not export it; correct the name")


def _parsed(path: str, text: str) -> _Module:
    """Take a module apart, or refuse it."""
    for unsafe in ("<!--", "</script"):
        if unsafe in text.lower():
            raise CallError(f"{path} holds '{unsafe}', which would end the script around it; write it another way")
    if not path.startswith("vendor/"):  # those are as small as they get
        text = without_comments(text)
    imports = tuple(
        (posixpath.normpath(posixpath.join(posixpath.dirname(path), found[2])), _aliases(path, found[1]))
        for found in _IMPORT.finditer(text)
    )
    text = _IMPORT.sub("", text)
    exports = {}
    if listed := _LISTED.search(text):
        exports = {shown: local for local, shown in _aliases(path, listed[1])}
        text = text[: listed.start()]
    exports |= {name: name for name in _DECLARED.findall(text)}
    text = _DECLARED.sub("", text)
    for form in _STRAY:
        if stray := form.search(text):
            raise CallError(
                f"{path} holds '{stray[0].strip()[:80]}', which cannot be joined into one script; "
                'use import { a } from "./x.js" and export const, function or class'
            )
    return _Module(path, imports, exports, text.strip("\n"))


def _aliases(path: str, listed: str) -> tuple[tuple[str, str], ...]:
    """``a, b as c`` as pairs of the name before and the name after."""
    pairs = []
    for part in filter(None, (part.strip() for part in listed.split(","))):
        found = _ALIAS.match(part)
        if not found or "default" in found.groups():
            raise CallError(f"{path} imports or exports '{part}', which cannot be joined; use plain names")
        pairs.append((found[1], found[2] or found[1]))
    return tuple(pairs)


def _wrapped(module: _Module, variables: dict[str, str]) -> str:
    """The module as a function called once; its variable holds what it exports."""
    taken = "".join(
        f"const {{ {', '.join(name if name == local else f'{name}: {local}' for name, local in names)} }} = "
        f"{variables[source]};\n"
        for source, names in module.imports
        if names
    )
    given = ", ".join(shown if shown == local else f"{shown}: {local}" for shown, local in module.exports.items())
    variable = variables[module.path]
    return (
        f'// {module.path}\nconst {variable} = (() => {{\n"use strict";\n{taken}{module.text}\n'
        f"return {{ {given} }};\n}})();\n"
    )


def _licences(folder: Path) -> str:
    """The terms of the libraries that go along, as they ask for."""
    texts = [path.read_text(encoding="utf-8").strip() for path in sorted(folder.glob("vendor/*.LICENSE"))]
    return "".join(f"/*\n{text.replace('*/', '* /')}\n*/\n" for text in texts)
