/** Components that follow a store other than the view's. */
import { useEffect, useState } from "../dom.js";

/**
 * @template {object} T
 * @param {{ get: () => T, subscribe: (listener: (now: T) => void) => () => void }} store
 * @returns {T}
 */
export function useSession(store) {
  const [now, setNow] = useState(store.get);
  useEffect(() => {
    const read = () => setNow(() => store.get());
    read();
    return store.subscribe(read);
  }, [store]);
  return now;
}
