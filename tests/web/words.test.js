/** Both languages are equally complete: the same keys, the same placeholders, and really another language. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import test from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const WEB = fileURLToPath(new URL("../../src/convscope/web/", import.meta.url));
const FILES = readdirSync(WEB, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js")).sort();
const DICTIONARIES = FILES.filter((name) => name.endsWith("words.js"));

/** @param {string} name @returns {Promise<Record<string, any>>} */
const load = (name) => import(pathToFileURL(join(WEB, name)).href);

/** @param {string} text */
const placeholders = (text) => (text.match(/\{\w+\}/g) ?? []).sort();

/** @param {string} text */
const isChinese = (text) => /[\u3400-\u9fff]/.test(text);

test("there are dictionaries", () => assert.ok(DICTIONARIES.length >= 6, String(DICTIONARIES)));

for (const name of DICTIONARIES) {
  test(`${name}: the same keys and placeholders in both languages`, async () => {
    const { words } = await load(name);
    if (!words) return; // names of settings, which have a test of their own
    assert.deepEqual(Object.keys(words), ["en", "zh"]);
    assert.deepEqual(Object.keys(words.zh), Object.keys(words.en));
    for (const [key, text] of Object.entries(words.en)) {
      assert.deepEqual(placeholders(words.zh[key]), placeholders(String(text)), key);
    }
  });

  test(`${name}: each language is itself`, async () => {
    const { words } = await load(name);
    if (!words) return;
    for (const [key, text] of Object.entries(words.en)) {
      if (key === "language") continue; // the button is in the other language
      assert.ok(!isChinese(String(text)), `${key}: ${text}`);
      const said = String(text).replace(/\{\w+\}/g, "").match(/[A-Za-z]{4,}/g) ?? [];
      if (said.length > 1) assert.ok(isChinese(words.zh[key]), `${key}: ${words.zh[key]}`);
    }
  });
}

test("every key that a view asks for by name is in the words beside it", async () => {
  let asked = 0;
  for (const name of FILES) {
    const source = readFileSync(join(WEB, name), "utf8");
    const imported = /import \{ words \} from "(.+)"/.exec(source);
    if (!imported) continue;
    const { words } = await load(relative(WEB, join(WEB, dirname(name), imported[1])));
    for (const [, key] of source.matchAll(/\bt\("(\w+)"/g)) {
      assert.ok(key in words.en, `${name}: ${key}`);
      asked += 1;
    }
  }
  assert.ok(asked > 100);
});
