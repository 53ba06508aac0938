/**
 * The words that the modules of the page share. Nothing here runs; `tsc --checkJs` reads it.
 *
 * @typedef {object} Bytes  A file that can be read in parts, wherever it lies.
 * @property {number} size  Length in bytes.
 * @property {(start: number, stop: number) => Promise<Uint8Array>} read  The bytes from `start` up to, not including, `stop`.
 *
 * @typedef {object} Reference  How an array is found in a trace file (docs/format.md).
 * @property {string} tensor
 * @property {number[]} shape  The array's shape, also when only a part of it is in the file.
 * @property {"float32" | "float16" | "uint8"} encoding
 * @property {(number[] | null)[]} [take]  In an excerpt: the kept indices along each axis, null for all.
 *
 * @typedef {object} Field  Receptive field of a step's values.
 * @property {[number, number]} size  Height and width in input pixels, as if the input had no border.
 * @property {[number, number]} seen  The same for the value that really sees most.
 * @property {[number, number]} jump  Input pixels from one value to its neighbour.
 * @property {boolean} whole  Whether every value sees the same pixels.
 *
 * @typedef {object} Facts  What is said of a step; calculated by Python from the trace.
 * @property {number} params
 * @property {string} formula  `(3*3*3+1)*16 = 448`
 * @property {number} macs
 * @property {string} settings  `3x3, stride 2`, in English
 * @property {number | null} low  Smallest finite value.
 * @property {number | null} high
 * @property {number | null} zeros  Share of values that are exactly zero.
 * @property {Field | null} field
 *
 * @typedef {object} Step
 * @property {number} index  Position in the trace.
 * @property {string} name  Any text at all; only ever shown as text.
 * @property {string} kind
 * @property {number[]} inputs  Positions of the steps whose values it read.
 * @property {number[]} readers  Positions of the steps that read its value.
 * @property {number[]} shape  Channels first, without the batch axis.
 * @property {Record<string, any>} settings  See docs/steps.md.
 * @property {string} module  Dotted path of the module in which it ran.
 * @property {string} dtype
 * @property {boolean} batched
 * @property {Reference | null} value  null when none of its numbers are in this file.
 * @property {Record<string, Reference | null>} params
 * @property {boolean} maps  Whether the value is (C, H, W).
 * @property {Facts} facts
 *
 * @typedef {object} Values  An array, or the part of it that this file holds.
 * @property {number[]} shape  Of the whole array.
 * @property {Float32Array} data  The kept numbers, in row order.
 * @property {(Int32Array | null)[]} take  Kept indices by axis, null for all.
 * @property {boolean} whole  Whether nothing is missing.
 * @property {boolean} exact  Whether these are the network's own numbers (float32), not rounded ones.
 * @property {(position: ArrayLike<number>) => number} at  The number at a full position; undefined-free: NaN-safe callers ask `has` first.
 * @property {(position: ArrayLike<number>) => boolean} has  Whether that number is in this file.
 *
 * @typedef {object} Thumbs  Small pictures of all channels of a step.
 * @property {number} channels
 * @property {number} height
 * @property {number} width
 * @property {Uint8Array} codes  (channels, height, width), 0 = the channel's low, 255 = its high.
 *
 * @typedef {object} Stats  One entry a channel.
 * @property {Float32Array} low  Smallest finite value.
 * @property {Float32Array} high
 * @property {Float32Array} mean
 * @property {Float32Array} strength  Mean of |x|.
 * @property {Float32Array} zeros  Share of exact zeros.
 * @property {Float32Array} bad  How many values are NaN or infinite.
 * @property {Int32Array} same  First channel with exactly the same values.
 * @property {Float32Array | null} contribution  Signed part in the class `scores[0]`; null where nobody calculated it.
 *
 * @typedef {{ label: string, value: number, index: number }} Score
 *
 * @typedef {object} Picture
 * @property {number} height
 * @property {number} width
 * @property {Uint8Array} rgb  (height, width, 3)
 *
 * @typedef {{ top: number, left: number, height: number, width: number }} Placement
 *   The rectangle of the picture, in picture pixels, that became the network's input.
 *
 * @typedef {object} HeatMap  One explanation of the answer (docs/format.md); its numbers are read when they are shown.
 * @property {string} method  `gradcam`
 * @property {string} target  The class that was asked about; any text at all.
 * @property {string} layer  The step at which it was taken, or empty.
 * @property {Reason | null} whyLayer  Why there; null where nothing was said.
 * @property {number | null} score  What the network gave the class.
 * @property {Reason[]} notes  Warnings and remarks.
 * @property {Evidence | null} evidence  Null where nobody measured whether to trust it: such a map is not drawn.
 * @property {number} height  Of the network's input.
 * @property {number} width
 * @property {(() => Promise<Float32Array>) | null} read  (height, width) in row order; null where the file has no room for it.
 *
 * @typedef {object} Evidence  What is known of whether to trust a map; everything in it was checked.
 * @property {"trust" | "doubt" | "no"} verdict
 * @property {number} trust  0 to 1.
 * @property {Reason[]} reasons
 * @property {Measured | null} map  The map itself; null only for a map with a fault, whose verdict is `no`.
 * @property {Record<"random" | "edges" | "centre", Measured | null>} controls
 * @property {number | null} similarity  To the same method's map after the network's weights were replaced; null when it was not measured.
 * @property {number | null} completeness  Share of the score's difference that an integrated map misses.
 * @property {number | null} passes  Times that the network ran.
 * @property {number | null} seconds
 * @property {boolean} thorough
 *
 * @typedef {{ text: string, rule: string, values: Map<string, number | string> }} Reason  An English sentence, and the same by its
 *   rule, which is empty where only the sentence is there.
 * @typedef {{ insertion: Curve | null, deletion: Curve | null, road: Road | null }} Measured
 * @typedef {{ auc: number, curve: number[] }} Curve  Probabilities at equal steps from nothing to every pixel changed.
 * @typedef {{ score: number, percentiles: number[], most: number[], least: number[] }} Road
 *
 * @typedef {{ top: number, left: number, bottom: number, right: number }} Box
 *   Input pixels; `bottom` and `right` are the first ones no longer inside.
 *
 * @typedef {object} View  What the page shows now; mirrored in its address.
 * @property {number | null} step
 * @property {number | null} channel
 * @property {[number, number] | null} pixel  Row and column in the step's value.
 * @property {number | null} target  Index of the class asked about; null for the likeliest.
 * @property {"atlas" | "channel" | "sum" | "why"} tab
 * @property {"channel" | "step"} scale  Whether each map has its own colour scale, or all of a step share one.
 * @property {string} sort  Order of the atlas: `contribution`, `activation`, `dead`, `index`.
 * @property {string[]} unfolded  Blocks (module paths) that are open in the flow.
 * @property {number[]} expanded  Steps whose column shows all channels.
 * @property {string | null} method  Of the heat map; null for the first one there is.
 * @property {string | null} of  The class that the heat map is about, by its label; null for that of the first map.
 * @property {string | null} layer  At which the heat map was taken; null for any.
 * @property {number} opacity  Of the heat map over the photo, 0 to 100.
 * @property {boolean} contours  Whether lines of equal heat are drawn.
 * @property {"en" | "zh"} language
 * @property {"light" | "dark" | "system"} theme
 *
 * @typedef {{ step: number, channel: number | null, y: number | null, x: number | null }} Pointed
 *   What the pointer is on: a step, a channel of it, a value of that.
 *
 * @typedef {object} Term  One thing that was added (or compared) to make a value.
 * @property {number} source  Index into the step's inputs; -1 for a parameter or a constant.
 * @property {number[]} position  Where in that input's value; outside it for padding; empty for constants.
 * @property {number} input  The number read there.
 * @property {number} factor
 * @property {number} term  What it contributes.
 * @property {boolean} padded
 *
 * @typedef {object} Sum  One value taken apart; the counterpart of Python's `Pixel`.
 * @property {number} step
 * @property {number[]} index
 * @property {number} value  The recorded value.
 * @property {Int32Array} source
 * @property {number} rank  Length of a row of `positions`.
 * @property {Int32Array} positions  (n, rank), as in Python: inputs of lower rank keep to the last columns, -1 ahead.
 * @property {Float64Array} inputs
 * @property {Float64Array} factors
 * @property {Float64Array} terms
 * @property {Uint8Array} padded
 * @property {Uint8Array | null} absent  1 where the input is not in this file (excerpts); its term is NaN. Null when nothing is absent.
 * @property {number} bias
 * @property {number} result  Sum of terms and bias; with absent terms the recorded value, the rest being found by difference.
 * @property {string} formula  As Python's `Pixel.formula`.
 * @property {Record<string, number>} symbols
 * @property {boolean} linear
 * @property {number} tolerance
 * @property {boolean} holds
 * @property {[number, number[]][]} others
 *
 * @typedef {object} Share  What one input channel put into a value.
 * @property {"channel" | "rest" | "bias" | "constant"} kind
 * @property {number} source
 * @property {number | null} channel
 * @property {number} sum
 * @property {number} count  Terms behind it (for `rest`: channels).
 */
export {};
