import type { Tree } from "./preact.js";
export const htm: {
  bind(make: unknown): (strings: TemplateStringsArray, ...values: unknown[]) => Tree;
};
