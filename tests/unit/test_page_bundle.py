"""The joined script runs in Node as the modules do; what cannot be joined is refused by its name."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from convscope.errors import CallError
from convscope.page.bundle import WEB, bundle_script, bundle_styles
from node import node

MODULES = {
    "main.js": 'import { total, Box as Crate } from "./deep/sum.js";\nimport { h } from "./vendor/small.js";\n'
    "/** @type {import('./types.js').Thing} */\nconst box = new Crate(total(1, 2));\nlog(h(box.held), name());\n"
    'import {\n  name,\n} from "./deep/name.js";\n',
    "deep/sum.js": 'import { one } from "./name.js";\nexport const total = (a, b) => a + b + one - one;\n'
    "export class Box {\n  constructor(held) {\n    this.held = held;\n  }\n}\nlog('sum');\n",
    "deep/name.js": "const inner = 1;\nexport async function later() {}\nexport function* many() {}\n"
    "export function name() {\n  return 'name';\n}\nlog('name');\nexport { inner as one };\n",
    "vendor/tiny.js": "var n=1;function r(){return n}n=2;export{n as options,r as read};",
    "vendor/small.js": 'import{options as n}from"./tiny.js";import{read}from"./tiny.js";'
    'var t="export";export const h=function(x){return"<"+x+n+read()+t+">"};',
    "index.html": '<link rel="stylesheet" href="web/b.css" />\n<link rel="stylesheet" href="web/a.css" />\n',
    "a.css": "a { color: red }",
    "b.css": "b { background: url(data:,) }\n",
}


@pytest.fixture
def web(tmp_path: Path) -> Path:
    for path, text in MODULES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    return tmp_path


def ran(code: str, kind: str, folder: Path) -> list[str]:
    path = folder / f"run.{kind}"
    path.write_text(code, encoding="utf-8")
    done = subprocess.run([node(), str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_script_does_what_the_modules_do(web: Path) -> None:
    log = "globalThis.log = (...words) => console.log(...words);\n"
    joined = ran(log + bundle_script(web), "cjs", web)
    for path in web.rglob("*.js"):
        path.rename(path.with_suffix(".mjs"))
        text = path.with_suffix(".mjs").read_text(encoding="utf-8").replace(".js", ".mjs")
        path.with_suffix(".mjs").write_text(text, encoding="utf-8")
    assert joined == ran(f'{log}await import("{web / "main.mjs"}");', "mjs", web) == ["name", "sum", "<322export> name"]


def test_every_module_is_there_once_and_after_what_it_imports(web: Path) -> None:
    lines = [line for line in bundle_script(web).splitlines() if line.startswith("// ")]
    assert lines == ["// deep/name.js", "// deep/sum.js", "// vendor/tiny.js", "// vendor/small.js", "// main.js"]


def test_nothing_becomes_global(web: Path) -> None:
    code = "const before = Object.getOwnPropertyNames(globalThis).length;\nglobalThis.log = () => {};\n"
    code += bundle_script(web) + "console.log(Object.getOwnPropertyNames(globalThis).length - before);"
    assert ran(code, "cjs", web) == ["1"]


def test_style_sheets_come_in_the_order_of_the_page(web: Path) -> None:
    assert bundle_styles(web) == "b { background: url(data:,) }\na { color: red }\n"


def test_licences_of_libraries_go_along(web: Path) -> None:
    (web / "vendor" / "tiny.LICENSE").write_text("MIT */ free\n", encoding="utf-8")
    assert "/*\nMIT * / free\n*/\n" in bundle_script(web)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('import { nothing } from "./deep/name.js";', "main.js imports 'nothing' from deep/name.js, which does not"),
        ('import { a } from "./gone.js";', "the page's file 'gone.js' is missing; install convscope again"),
        ('import { render } from "./main.js";', "modules import each other in a circle: main.js -> main.js"),
        ('import whole from "./deep/name.js";', "main.js holds 'import whole from"),
        ('import * as all from "./deep/name.js";', "main.js holds 'import * as all"),
        ('import "./deep/name.js";', "main.js holds 'import \"./deep/name.js\";'"),
        ('import { a } from "preact";', "main.js holds 'import { a } from \"preact\";'"),
        ('import { default as a } from "./deep/name.js";', "main.js imports or exports 'default as a'"),
        ("export default 3;", "main.js holds 'export default 3;'"),
        ("export let count = 0;", "main.js holds 'export let count = 0;'"),
        ("export const { a } = {};", "main.js holds 'export const { a } = {};'"),
        ('export * from "./deep/name.js";', "main.js holds 'export * from"),
        ('export { name } from "./deep/name.js";', "main.js holds 'export { name } from"),
        ("const a = 1;\nexport { a };\nlog(a);", "main.js holds 'export { a };'"),
        ('const a = () => import("./deep/name.js");', 'main.js holds \'import("./deep/name.js")'),
        ("await log();", "main.js holds 'await log();'"),
        ("log(import.meta.url);", "main.js holds 'import.meta.url);'"),
        ("log('</SCRIPT>');", "main.js holds '</script', which would end the script"),
        ("// <!-- old", "main.js holds '<!--', which would end the script"),
    ],
)
def test_what_cannot_be_joined_is_refused_by_its_name(text: str, sentence: str, web: Path) -> None:
    (web / "main.js").write_text(text, encoding="utf-8")
    with pytest.raises(CallError) as refused:
        bundle_script(web)
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize("text", ['@import "b.css";', "a { b: url(c.png) }", "</style>", "a { b: URL('//c.example') }"])
def test_style_sheets_that_load_or_break_out_are_refused(text: str, web: Path) -> None:
    (web / "a.css").write_text(text, encoding="utf-8")
    with pytest.raises(CallError, match=r"^a\.css holds '.*', which a page in one file cannot have; write it without$"):
        bundle_styles(web)


def test_the_page_itself_can_be_joined(tmp_path: Path) -> None:
    script, styles = bundle_script(), bundle_styles()
    assert "vendor/preact.js" in script
    assert all(path.name in (WEB / "index.html").read_text(encoding="utf-8") for path in WEB.glob("styles/*.css"))
    assert "--" in styles
    path = tmp_path / "page.cjs"
    path.write_text(script, encoding="utf-8")
    subprocess.run([node(), "--check", str(path)], check=True)
