"""A script without its comments is the same script: made-up ones whose tokens are known, and the page's own in Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.page.bundle import WEB
from convscope.page.comments import without_comments
from node import node

comments = st.sampled_from(["/* ' */", "/** `${ */", "/**/", "/* // */", "// it's `so`\n", "/* a\n * b */", "//\n"])
strings = st.sampled_from(['"//"', "'/* \"'", '"\\""', "'`${'", '"\\\\"', "'\\\n//'", '"*/"'])
patterns = st.sampled_from(["(/[/*]/g", "= /'\\//", "(/`/u", ': /[\\]/"]/', "return /x\\/\\/y/"])
plain = st.sampled_from(
    ["a / b", "x) / 2", "y] /z", "1 / 2 / 3", "{ a: 1 }", "k++ / 2", "\n", "  ;\n", "return", "f(`` / 1)"]
)
Token = str | tuple[str, ...]


def template(inner: st.SearchStrategy[Token]) -> st.SearchStrategy[Token]:
    """Text that looks like comments, and values with real ones in them."""
    text = st.sampled_from(
        ["", "// no", "/* no */", "<a href='/b'>it's</a>", "\\`", "\\${", "$ ", "}", "{", "\n  //\n"]
    )
    value = st.lists(inner, max_size=3).map(lambda parts: ("{", *parts, "}"))
    return st.lists(st.tuples(text, value, text), max_size=3).map(
        lambda parts: ("`", *(piece for before, held, after in parts for piece in (before, "$", held, after)), "`")
    )


tokens = st.recursive(
    strings | patterns | plain, lambda inner: template(inner | comments.map(lambda c: ("#", c))), max_leaves=12
)
scripts = st.lists(tokens | comments.map(lambda comment: ("#", comment)), max_size=8)


def written(token: Token, *, comments: bool) -> str:
    """The token as source; a comment as itself, or as what takes its place."""
    if isinstance(token, str):
        return token
    if token[0] == "#":
        if comments:
            return token[1]
        return "\n" if "\n" in token[1] else " "
    return "".join(written(part, comments=comments) for part in token)


def bare(text: str) -> str:
    return "".join(text.split())


@given(scripts)
def test_only_comments_go(script: list[Token]) -> None:
    text = " ".join(written(token, comments=True) for token in script)
    expected = " ".join(written(token, comments=False) for token in script)
    assert bare(without_comments(text)) == bare(expected)
    assert without_comments(expected) == expected


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a; // one\nb;", "a;\nb;"),
        ("a;\n  // one\n  // two\nb;", "a;\nb;"),
        ("/**\n * Why.\n */\nexport const a = 1;\n", "export const a = 1;\n"),
        ("return /* a\n */ b", "return \n b"),
        ("f(/** @type {A} */ (x))", "f(  (x))"),
        ("a = b /* c */\n", "a = b\n"),
        ("// no end of line", ""),
        ("a = html`<b>// ${x /* y */}${`/*${'`'}*/`}</b>`; // z", "a = html`<b>// ${x  }${`/*${'`'}*/`}</b>`;"),
        ("a.return / b // c", "a.return / b"),
        ("/* never closed", "/* never closed"),
        ("`never closed ${", "`never closed ${"),
    ],
)  # fmt: skip
def test_what_takes_the_place_of_a_comment(text: str, left: str) -> None:
    assert without_comments(text) == left


SOURCES = sorted(path for path in WEB.rglob("*.js") if path.parent.name != "vendor")


def test_the_pages_own_modules_say_the_same_in_node(tmp_path: Path) -> None:
    """Node's own account of every module that runs without a page: what it exports, functions by their text."""
    stripped = tmp_path / "stripped"
    shutil.copytree(WEB, stripped)
    for path in SOURCES:
        text = without_comments(path.read_text(encoding="utf-8"))
        (stripped / path.relative_to(WEB)).write_text(text, encoding="utf-8")
    (stripped / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    code = (
        "const told = (value) => typeof value === 'function' ? `${value.name}/${value.length}` : value;\n"
        "const found = {};\n"
        "for (const [root, path] of JSON.parse(process.argv[2])) {\n"
        "  const module = await import(root + path).catch(() => ({}));\n"
        "  (found[path] ??= []).push(JSON.stringify(Object.entries(module).map(([k, v]) => [k, told(v)])));\n"
        "}\nconsole.log(JSON.stringify(found));\n"
    )
    (tmp_path / "say.mjs").write_text(code, encoding="utf-8")
    original = tmp_path / "original"
    shutil.copytree(WEB, original)
    (original / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    names = [path.relative_to(WEB).as_posix() for path in SOURCES]
    asked = json.dumps([[f"{root}/", name] for root in (original, stripped) for name in names])
    done = subprocess.run(
        [node(), str(tmp_path / "say.mjs"), asked], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    found = json.loads(done.stdout)
    assert sum(first != "[]" for first, _ in found.values()) > 100
    assert {name for name, (first, second) in found.items() if first != second} == set()
