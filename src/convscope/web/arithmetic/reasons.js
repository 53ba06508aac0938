/**
 * Why a value cannot be taken apart: a key and its details. The view makes the sentence, in the page's language.
 *
 * | reason | detail | when |
 * | --- | --- | --- |
 * | `input` | | the network was given it |
 * | `batch` | | the batch axis was mixed with others |
 * | `unknown` | `kind` | no arithmetic for this kind of step |
 * | `mode` | `mode` | interpolation or padding of a mode without arithmetic |
 * | `operands` | | the two operands were not recorded |
 * | `parameters` | `name` | a parameter is not in this file |
 * | `settings` | `what` | settings, inputs and parameters contradict each other |
 * | `absent` | | an excerpt does not hold the values that are needed |
 * | `stale` | `value`, `result` | the parameters no longer give the recorded value |
 * | `position` | | the position is not in the value |
 *
 * @typedef {"input" | "batch" | "unknown" | "mode" | "operands" | "parameters" | "settings" | "absent" | "stale"
 *   | "position"} Reason
 */

/** Thrown where Python's `NoArithmetic`, `StaleParametersError` and `CallError` are. */
export class NoArithmetic extends Error {
  /**
   * @param {Reason} reason
   * @param {Record<string, string | number>} [detail]
   */
  constructor(reason, detail = {}) {
    super(`no arithmetic: ${reason} ${JSON.stringify(detail)}`);
    this.name = "NoArithmetic";
    /** @type {Reason} */
    this.reason = reason;
    this.detail = detail;
  }
}

/**
 * Settings, inputs and parameters that contradict each other.
 *
 * @param {string} what  Which of them, for the curious.
 * @returns {NoArithmetic}
 */
export function misfit(what) {
  return new NoArithmetic("settings", { what });
}
