/** Preact and htm, put together once: `html` makes a tree, hooks keep state. */
import { h } from "./vendor/preact.js";
import { useEffect, useLayoutEffect, useMemo, useRef, useState, useCallback } from "./vendor/hooks.js";
import { htm } from "./vendor/htm.js";
import { store } from "./state.js";

/** A tagged template that makes a Preact tree. */
export const html = htm.bind(h);

/**
 * A part of the view's state; the component is drawn again when that part changes.
 * @template T
 * @param {(view: import("./types.js").View) => T} pick
 * @returns {T}
 */
export function useStore(pick) {
  const [value, setValue] = useState(() => pick(store.get()));
  const picker = useRef(pick);
  picker.current = pick;
  useEffect(() => {
    const read = () => setValue(() => picker.current(store.get()));
    read();
    return store.subscribe(read);
  }, []);
  return value;
}

/**
 * What a promise gave, or null until then; asked again when `keys` change.
 * @template T
 * @param {() => Promise<T> | T} ask
 * @param {unknown[]} keys
 * @returns {{ value: T | null, error: Error | null }}
 */
export function useLoaded(ask, keys) {
  const [state, setState] = useState(/** @type {{ value: any, error: Error | null, keys: unknown[] }} */ ({ value: null, error: null, keys: [] }));
  useEffect(() => {
    let current = true;
    Promise.resolve()
      .then(ask)
      .then(
        (value) => current && setState({ value, error: null, keys }),
        (error) => current && setState({ value: null, error, keys }),
      );
    return () => {
      current = false;
    };
  }, keys);
  const fresh = state.keys.length === keys.length && state.keys.every((key, i) => Object.is(key, keys[i]));
  return fresh ? state : { value: null, error: null };
}

/**
 * Whether the page is dark now; the component is drawn again when that changes.
 * @returns {boolean}
 */
export function useDark() {
  const [dark, setDark] = useState(isDark);
  useEffect(() => {
    const watcher = new MutationObserver(() => setDark(isDark()));
    watcher.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => watcher.disconnect();
  }, []);
  return dark;
}

function isDark() {
  return document.documentElement.dataset.theme === "dark";
}

export { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState };
