/** Folding a long network: repeated parts (`layer1`, `layer1.0`) become blocks, and a folded block is one column. */

/** @typedef {{ index: number, module: string, inputs: number[] }} Wired  As much of a step as folding needs. */
/**
 * @typedef {object} Block  A run of steps of one module that has siblings like itself.
 * @property {string} path  Dotted path of the module; what is kept in the address of the page.
 * @property {string} name  The path, shortened to what its parent does not say.
 * @property {number} first  First and last step.
 * @property {number} last
 * @property {number} depth  0 for a block that lies in no other.
 * @property {Block[]} inside
 * @property {Block | null} parent
 */
/**
 * @typedef {object} Node  One column: a step, or a folded block, which shows the value of its last step.
 * @property {number} step
 * @property {Block | null} folded
 * @property {number[]} inputs  Positions of nodes.
 */

/** A network of more steps than this starts folded. */
export const MANY = 24;
const FEWEST = 3;

/**
 * The blocks of a network, outermost first; none where it is short enough to be shown whole.
 * @param {readonly Wired[]} steps
 * @returns {Block[]}
 */
export function findBlocks(steps) {
  if (steps.length <= MANY) return [];
  return inside(steps, 0, steps.length - 1, "", null);
}

/**
 * @param {readonly Wired[]} steps
 * @param {number} first
 * @param {number} last
 * @param {string} prefix  Path of the module in which to look.
 * @param {Block | null} parent
 * @returns {Block[]}
 */
function inside(steps, first, last, prefix, parent) {
  const runs = childRuns(steps, first, last, prefix);
  const repeated = new Map();
  for (const { path } of runs) repeated.set(pattern(path), (repeated.get(pattern(path)) ?? 0) + 1);
  return runs.flatMap((run) => {
    const isBlock = repeated.get(pattern(run.path)) > 1 && run.last - run.first < last - first;
    if (!isBlock) return inside(steps, run.first, run.last, run.path, parent);
    const depth = parent ? parent.depth + 1 : 0;
    /** @type {Block} */
    const block = { path: run.path, name: shortName(run.path, parent), first: run.first, last: run.last, depth, inside: [], parent };
    block.inside = inside(steps, run.first, run.last, run.path, block);
    return [block];
  });
}

/**
 * Unbroken runs of steps that share the next part of their path; runs of one or two steps are no blocks.
 * @param {readonly Wired[]} steps
 * @param {number} first
 * @param {number} last
 * @param {string} prefix
 */
function childRuns(steps, first, last, prefix) {
  /** @type {{ path: string, first: number, last: number }[]} */
  const runs = [];
  for (let i = first; i <= last; i += 1) {
    const path = childPath(steps[i].module, prefix);
    const open = runs.at(-1);
    if (path === null) continue;
    if (open && open.path === path && open.last === i - 1) open.last = i;
    else runs.push({ path, first: i, last: i });
  }
  const long = runs.filter((run) => run.last - run.first + 1 >= FEWEST);
  // A module that ran twice has two runs; both cannot go by one name, so neither folds.
  return long.filter((run) => long.filter(({ path }) => path === run.path).length === 1);
}

/** The path one part longer than `prefix` in which a module lies. @param {string} module @param {string} prefix */
function childPath(module, prefix) {
  if (prefix && !module.startsWith(`${prefix}.`)) return null;
  const rest = prefix ? module.slice(prefix.length + 1) : module;
  const part = rest.split(".", 1)[0];
  return part ? (prefix ? `${prefix}.${part}` : part) : null;
}

/** What siblings have in common: `layer1` and `layer2`, `Mixed_5b` and `Mixed_6a`. @param {string} path */
function pattern(path) {
  return path.replace(/\d+[a-z]?$/, "#");
}

/** @param {string} path @param {Block | null} parent */
function shortName(path, parent) {
  if (!parent) return path;
  const own = parent.path.split(".").at(-1);
  return `${own}${path.slice(parent.path.length)}`;
}

/**
 * The columns of the flow.
 * @param {readonly Wired[]} steps
 * @param {readonly Block[]} blocks
 * @param {ReadonlySet<string>} open  Paths of the blocks that are unfolded.
 * @returns {Node[]}
 */
export function fold(steps, blocks, open) {
  /** @type {Node[]} */
  const nodes = [];
  const nodeOf = new Int32Array(steps.length);
  /** @param {number} first @param {number} last @param {Block | null} folded */
  const push = (first, last, folded) => {
    const node = nodes.length;
    const read = new Set();
    for (let i = first; i <= last; i += 1) {
      nodeOf[i] = node;
      for (const source of steps[i].inputs) if (source < first) read.add(nodeOf[source]);
    }
    nodes.push({ step: last, folded, inputs: folded ? [...read] : steps[last].inputs.map((source) => nodeOf[source]) });
  };
  /** @param {number} first @param {number} last @param {readonly Block[]} parts */
  const walk = (first, last, parts) => {
    let i = first;
    for (const part of parts) {
      for (; i < part.first; i += 1) push(i, i, null);
      if (open.has(part.path)) walk(part.first, part.last, part.inside);
      else push(part.first, part.last, part);
      i = part.last + 1;
    }
    for (; i <= last; i += 1) push(i, i, null);
  };
  walk(0, steps.length - 1, blocks);
  return nodes;
}

/**
 * The blocks around a step, outermost first.
 * @param {readonly Block[]} blocks
 * @param {number} step
 * @returns {Block[]}
 */
export function around(blocks, step) {
  const block = blocks.find((one) => one.first <= step && step <= one.last);
  return block ? [block, ...around(block.inside, step)] : [];
}

/**
 * Blocks that must be open for a step to have a column of its own; a folded block shows its last step.
 * @param {readonly Block[]} blocks
 * @param {number} step
 * @returns {string[]} paths
 */
export function hiding(blocks, step) {
  const chain = around(blocks, step);
  const shown = chain.findIndex((block) => block.last === step);
  return (shown < 0 ? chain : chain.slice(0, shown)).map((block) => block.path);
}
