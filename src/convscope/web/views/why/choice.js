/** Which heat map is shown, and which others could be: what the address asks for, as far as it exists. */

/** @typedef {import("../../types.js").HeatMap} HeatMap */
/** @typedef {{ method: string | null, of: string | null, layer: string | null }} Asked */
/**
 * @typedef {object} Choice
 * @property {string} method
 * @property {string} target
 * @property {string | null} layer  Null for the one that is chosen for the network.
 * @property {HeatMap | null} map  Null where it has still to be made.
 * @property {string[]} methods  To choose from.
 * @property {string[]} targets
 * @property {string[]} layers
 */
/**
 * @typedef {object} Offer  What a server can make, beside the maps that are there.
 * @property {string[]} methods
 * @property {string[]} targets  The likeliest first.
 * @property {(method: string) => string[]} layers  At which the method can be taken.
 */

/** What a server makes first. */
export const USUAL = "gradcam";

/**
 * @param {readonly HeatMap[]} maps  Of the file.
 * @param {Asked} asked
 * @param {Offer | null} offer
 * @returns {Choice | null} null where there is nothing to choose
 */
export function choose(maps, asked, offer) {
  const methods = unique([...(offer?.methods ?? []), ...maps.map((map) => map.method)]);
  if (!methods.length) return null;
  const usualMethod = offer && methods.includes(USUAL) ? USUAL : (maps[0]?.method ?? methods[0]);
  const method = asked.method !== null && methods.includes(asked.method) ? asked.method : usualMethod;
  const made = maps.filter((map) => map.method === method);
  const targets = unique([...(offer?.targets ?? []), ...made.map((map) => map.target)]);
  if (!targets.length) return null;
  const target = asked.of !== null && targets.includes(asked.of) ? asked.of : targets[0];
  const found = made.filter((map) => map.target === target);
  const layers = unique([...(offer?.layers(method) ?? []), ...found.map((map) => map.layer)]);
  const layer = asked.layer !== null && layers.includes(asked.layer) ? asked.layer : null;
  const map = found.find((one) => layer === null || one.layer === layer) ?? null;
  return { method, target, layer, map, methods, targets, layers };
}

/** A difference of two scores is no score. @param {HeatMap} map */
const isContrast = (map) => map.target.includes(" against ");

/**
 * The maps that share a scale of heat with one: those of its method at its layer, for any class.
 * @param {readonly HeatMap[]} maps
 * @param {HeatMap} map
 * @param {number} most
 * @returns {HeatMap[]} itself first
 */
export function siblings(maps, map, most) {
  const others = maps.filter((one) => one !== map && one.read !== null && one.evidence !== null && one.method === map.method && one.layer === map.layer && isContrast(one) === isContrast(map));
  return [map, ...others].slice(0, most);
}

/** @param {string[]} names */
function unique(names) {
  return [...new Set(names)];
}
