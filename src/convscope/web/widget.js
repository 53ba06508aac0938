/**
 * The page in a notebook's cell. Each cell gets a frame of its own: no style or name of the notebook reaches the page,
 * and none of the page's reaches the notebook. The numbers come through the widget's buffers.
 */

/**
 * @typedef {object} Model  What anywidget hands over.
 * @property {(name: string) => any} get
 */

/** @param {{ model: Model, el: HTMLElement }} given */
export function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-scripts allow-downloads");
  frame.title = model.get("title");
  frame.style.cssText = `display:block;width:100%;height:${Number(model.get("height"))}px;border:0;border-radius:8px`;
  /** @param {MessageEvent} event */
  const answer = (event) => {
    if (event.source !== frame.contentWindow || event.data?.convscope !== "ready") return;
    const data = { trace: copied(model.get("trace")), overview: copied(model.get("overview")) };
    // A sandboxed frame has no origin that could be named.
    frame.contentWindow?.postMessage({ convscope: data }, "*", [data.trace, data.overview]);
  };
  window.addEventListener("message", answer);
  frame.srcdoc = model.get("page");
  el.append(frame);
  return () => {
    window.removeEventListener("message", answer);
    frame.remove();
  };
}

/** The bytes on their own, to be handed to the frame. @param {DataView} view @returns {ArrayBuffer} */
function copied(view) {
  return /** @type {ArrayBuffer} */ (view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

export default { render };
