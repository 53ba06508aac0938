/** A small window below the header; Escape, or a click beside it, closes it. */
import { html, useEffect, useRef } from "../../dom.js";
import { serving } from "../../served.js";

/** @param {{ label: string, children: unknown }} props */
export function Menu({ label, children }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const close = () => serving.set({ menu: null });
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  /** @param {Event} event */
  const beside = (event) => {
    if (event.target === dialog.current) close();
  };
  return html`<dialog class="menu" ref=${dialog} aria-label=${label} onClose=${close} onClick=${beside}>
    <div class="inside">${children}</div></dialog>`;
}
