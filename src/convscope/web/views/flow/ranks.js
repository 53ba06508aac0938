/** Where columns stand: a rank (left to right, by what has to be there first) and a lane (branches one under the other). */

/** @typedef {{ inputs: readonly number[] }} Linked */
/**
 * @typedef {object} Place
 * @property {number} rank
 * @property {number} lane
 */
/**
 * @typedef {object} Passing  An edge that keeps a lane of its own while it passes ranks without a column.
 * @property {number} from
 * @property {number} to
 * @property {number[]} lanes  One for each rank between.
 */
/**
 * @typedef {object} Ranks
 * @property {Place[]} places  One a node.
 * @property {number[]} lanes  How many lanes each rank has.
 * @property {Passing[]} passing
 */

/** A branch that ends earlier than the others stays beside them for so many ranks; longer ones go around. */
const LONGEST_PASS = 3;

/**
 * @param {readonly Linked[]} nodes  In an order in which inputs come first.
 * @returns {Ranks}
 */
export function rank(nodes) {
  const ranks = depths(nodes);
  const count = Math.max(...ranks) + 1;
  /** @type {number[][]} */
  const members = Array.from({ length: count }, () => []);
  ranks.forEach((at, node) => members[at].push(node));
  const passing = passingEdges(nodes, ranks, members);
  return arrange(nodes, ranks, members, passing);
}

/** Longest way from the start, so that nothing stands left of what it reads. @param {readonly Linked[]} nodes */
function depths(nodes) {
  /** @type {number[]} */
  const ranks = [];
  for (const { inputs } of nodes) ranks.push(inputs.reduce((most, source) => Math.max(most, ranks[source] + 1), 0));
  return ranks;
}

/** @param {readonly Linked[]} nodes @param {number[]} ranks @param {number[][]} members */
function passingEdges(nodes, ranks, members) {
  /** @type {{ from: number, to: number }[]} */
  const edges = [];
  nodes.forEach(({ inputs }, to) => {
    for (const from of new Set(inputs)) {
      const skipped = ranks[to] - ranks[from] - 1;
      if (skipped > 0 && skipped <= LONGEST_PASS && members[ranks[from]].length > 1) edges.push({ from, to });
    }
  });
  return edges;
}

/**
 * @param {readonly Linked[]} nodes
 * @param {number[]} ranks
 * @param {number[][]} members
 * @param {{ from: number, to: number }[]} edges
 * @returns {Ranks}
 */
function arrange(nodes, ranks, members, edges) {
  const order = operandOrder(nodes);
  const lanes = new Array(nodes.length).fill(0);
  /** @type {Passing[]} */
  const passing = edges.map((edge) => ({ ...edge, lanes: [] }));
  const widths = members.map((inRank, at) => {
    const own = inRank.map((node) => ({ key: laneKey(nodes[node].inputs, lanes), order: order[node], put: (/** @type {number} */ lane) => (lanes[node] = lane) }));
    const through = passing
      .filter(({ from, to }) => ranks[from] < at && at < ranks[to])
      .map((edge) => ({ key: edge.lanes.at(-1) ?? lanes[edge.from], order: order[edge.from], put: (/** @type {number} */ lane) => edge.lanes.push(lane) }));
    const all = [...own, ...through].sort((a, b) => a.key - b.key || a.order - b.order);
    all.forEach(({ put }, lane) => put(lane));
    return all.length;
  });
  return { places: nodes.map((_, node) => ({ rank: ranks[node], lane: lanes[node] })), lanes: widths, passing };
}

/** @param {readonly number[]} inputs @param {number[]} lanes */
function laneKey(inputs, lanes) {
  return inputs.length ? inputs.reduce((sum, source) => sum + lanes[source], 0) / inputs.length : 0;
}

/**
 * As which operand a branch arrives where it is joined, so that lanes stand in the order in which they are added or joined.
 * @param {readonly Linked[]} nodes
 */
function operandOrder(nodes) {
  const order = new Array(nodes.length).fill(0);
  /** @type {number[][]} */
  const readers = nodes.map(() => []);
  nodes.forEach(({ inputs }, node) => new Set(inputs).forEach((source) => readers[source].push(node)));
  for (let node = nodes.length - 1; node >= 0; node -= 1) {
    const [reader] = readers[node];
    if (reader === undefined) continue;
    const joins = new Set(nodes[reader].inputs).size > 1;
    order[node] = joins ? nodes[reader].inputs.indexOf(node) : order[reader];
  }
  return order;
}
