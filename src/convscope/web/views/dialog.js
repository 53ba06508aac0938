/** A window over the page: Escape, its own buttons, or a click beside it close it, and the focus goes back. */
import { html, useLayoutEffect, useRef } from "../dom.js";

/** @param {{ name: string, label: string, onClose: () => void, children: unknown }} props */
export function Dialog({ name, label, onClose, children }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const open = useRef(true);
  /** Once: the browser tells of a closing after the fact, when another window may be open already. */
  const close = () => {
    if (!open.current) return;
    open.current = false;
    onClose();
  };
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => {
      open.current = false;
      shown?.close();
    };
  }, []);
  /** @param {Event} event */
  const beside = (event) => {
    if (event.target === dialog.current) close();
  };
  return html`<dialog class=${name} ref=${dialog} aria-label=${label} onClose=${close} onClick=${beside}>
    <div class="inside">${children}</div></dialog>`;
}
