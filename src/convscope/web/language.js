/** The page's two languages. Each view keeps its own words beside it and asks for them by key. */
import { useStore } from "./dom.js";

/** @typedef {Record<string, string>} Words */
/** @typedef {{ en: Words, zh: Words }} Dictionary */

/**
 * Words in the page's language; `{n}` in a text is replaced by what is given as `n`.
 * @param {Dictionary} words
 * @returns {(key: string, values?: Record<string, string | number>) => string}
 */
export function useWords(words) {
  const language = useStore((view) => view.language);
  return (key, values) => say(words[language], key, values);
}

/**
 * @param {Words} words
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function say(words, key, values = {}) {
  const text = words[key];
  if (text === undefined) throw new Error(`no words for ${key}`);
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
