/** What a map is about: a class, or a class against another one. Python writes the latter "cat against dog". */

const AGAINST = " against ";

/**
 * The two classes of a contrast.
 * @param {string} target
 * @param {readonly string[]} classes
 * @returns {[string, string] | null} null for a class by itself
 */
export function contrastOf(target, classes) {
  if (classes.includes(target)) return null;
  for (let at = target.indexOf(AGAINST); at >= 0; at = target.indexOf(AGAINST, at + 1)) {
    const [first, second] = [target.slice(0, at), target.slice(at + AGAINST.length)];
    if (classes.includes(first) && classes.includes(second)) return [first, second];
  }
  return null;
}

/** @param {string} first @param {string} second */
export function contrast(first, second) {
  return `${first}${AGAINST}${second}`;
}

/**
 * A target in the page's language.
 * @param {string} target
 * @param {readonly string[]} classes
 * @param {(key: string, values?: Record<string, string | number>) => string} t
 */
export function targetText(target, classes, t) {
  const pair = contrastOf(target, classes);
  return pair ? t("contrast", { a: pair[0], b: pair[1] }) : target;
}
