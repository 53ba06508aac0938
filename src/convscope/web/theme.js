/** Light or dark: what was chosen, or what the system prefers. */
import { store } from "./state.js";

const prefersDark = () => window.matchMedia("(prefers-color-scheme: dark)");

/** @param {import("./types.js").View["theme"]} theme */
function shown(theme) {
  if (theme !== "system") return theme;
  return prefersDark().matches ? "dark" : "light";
}

/** Keep the page's colours with the store and the system. */
export function followTheme() {
  const apply = () => {
    document.documentElement.dataset.theme = shown(store.get().theme);
  };
  apply();
  prefersDark().addEventListener("change", apply);
  store.subscribe(apply);
}

/** From what is shown now to the other one. */
export function toggleTheme() {
  store.set({ theme: shown(store.get().theme) === "dark" ? "light" : "dark" });
}
