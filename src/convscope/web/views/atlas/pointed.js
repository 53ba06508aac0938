/** What the pointer is on in one step, for a few small components that say it in words. */
import { useEffect, useRef, useState } from "../../dom.js";
import { hover } from "../../hover.js";

/** @typedef {import("../../types.js").Pointed} Pointed */

/**
 * Once a frame at most; null while the pointer is elsewhere. Only for leaves of the tree that have a handful of nodes.
 * @param {number} step
 * @returns {Pointed | null}
 */
export function usePointed(step) {
  const [pointed, setPointed] = useState(/** @type {Pointed | null} */ (null));
  const asked = useRef(0);
  useEffect(() => {
    const read = () => {
      asked.current = 0;
      const now = hover.get();
      setPointed(now?.step === step ? now : null);
    };
    const ask = () => {
      if (!asked.current) asked.current = requestAnimationFrame(read);
    };
    ask();
    const quiet = hover.subscribe(ask);
    return () => {
      quiet();
      cancelAnimationFrame(asked.current);
      asked.current = 0;
    };
  }, [step]);
  return pointed;
}
