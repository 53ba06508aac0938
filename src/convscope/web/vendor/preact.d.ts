// The part of Preact that the page uses, as types.
export type Tree = object | string | number | boolean | null | undefined;
export function h(type: unknown, props: object | null, ...children: unknown[]): Tree;
export function render(tree: Tree, parent: Element): void;
export const Fragment: unknown;
