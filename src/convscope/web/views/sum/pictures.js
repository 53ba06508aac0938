/** Which picture each kind of step is shown as. */
import { FUNCTIONS } from "../../arithmetic/functions.js";
import { ConvPicture } from "./conv.js";
import { CurvePicture, PlainPicture } from "./curve.js";
import { MovePicture } from "./moves.js";
import { LocalPicture, NormPicture } from "./norm.js";
import { OperandsPicture } from "./operands.js";
import { SoftmaxPicture } from "./softmax.js";
import { TermsPicture } from "./terms.js";
import { SharesPicture, WindowPicture } from "./window.js";

/** @typedef {(props: import("./parts.js").PictureProps) => any} Picture */

/** @type {[Picture, string[]][]} */
const TABLE = [
  [ConvPicture, ["conv2d", "conv_transpose2d"]],
  [TermsPicture, ["linear"]],
  [WindowPicture, ["max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "mean", "sum", "amax"]],
  [NormPicture, ["batch_norm", "layer_norm", "group_norm"]],
  [LocalPicture, ["local_response_norm"]],
  [OperandsPicture, ["add", "sub", "mul", "div", "maximum", "minimum"]],
  [SoftmaxPicture, ["softmax", "log_softmax"]],
  [SharesPicture, ["interpolate"]],
  [CurvePicture, Object.keys(FUNCTIONS)],
  [MovePicture, [
    "flatten", "reshape", "squeeze", "unsqueeze", "permute", "slice", "cat", "stack", "pad", "pixel_shuffle", "channel_shuffle",
    "dropout", "identity",
  ]],
];

const PICTURES = new Map(TABLE.flatMap(([picture, kinds]) => kinds.map((kind) => /** @type {[string, Picture]} */ ([kind, picture]))));

/**
 * @param {{ kind: string, settings: Record<string, any> }} step
 * @returns {Picture}
 */
export function pictureOf({ kind, settings }) {
  if (kind === "interpolate" && settings.mode === "nearest") return MovePicture;
  return PICTURES.get(kind) ?? PlainPicture;
}
