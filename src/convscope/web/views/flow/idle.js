/** Work that can wait until the page has nothing better to do. */

/** Where a browser knows no idle time (Safari), a pause of so many milliseconds comes nearest. */
const PAUSE = 30;

/**
 * @param {() => void} work  Of a few milliseconds.
 * @returns {() => void} cancels it
 */
export function whenIdle(work) {
  if (typeof requestIdleCallback !== "function") {
    const timer = setTimeout(work, PAUSE);
    return () => clearTimeout(timer);
  }
  const request = requestIdleCallback(() => work());
  return () => cancelIdleCallback(request);
}

/** @returns {Promise<void>} resolves in idle time */
export function idle() {
  return new Promise((resolve) => {
    whenIdle(() => resolve());
  });
}
