/** Stored numbers to float32 (docs/format.md, "Encodings"). Files and every machine a browser runs on are little-endian. */

/**
 * @param {Uint8Array} bytes
 * @returns {Float32Array}
 */
export function decodeF32(bytes) {
  const { buffer, byteOffset, length } = aligned(bytes, 4);
  return new Float32Array(buffer, byteOffset, length / 4);
}

/**
 * @param {Uint8Array} bytes
 * @returns {Int32Array}
 */
export function decodeI32(bytes) {
  const { buffer, byteOffset, length } = aligned(bytes, 4);
  return new Int32Array(buffer, byteOffset, length / 4);
}

/**
 * @param {Uint8Array} bytes
 * @returns {Float32Array}
 */
export function decodeF16(bytes) {
  const { buffer, byteOffset, length } = aligned(bytes, 2);
  const codes = new Uint16Array(buffer, byteOffset, length / 2);
  const result = new Float32Array(codes.length);
  const table = halves();
  for (let i = 0; i < codes.length; i += 1) result[i] = table[codes[i]];
  return result;
}

/**
 * Levels between the low and the high of their channel.
 * @param {Uint8Array} codes  A run of numbers out of the tensor.
 * @param {Float32Array} ranges  (channels, 2): low and high of each channel of the whole tensor.
 * @param {number} pixels  Numbers in a channel.
 * @param {number} [from]  Position of the first code in the tensor.
 * @returns {Float32Array}
 */
export function decodeLevels(codes, ranges, pixels, from = 0) {
  const result = new Float32Array(codes.length);
  const levels = new Float32Array(256);
  for (let i = 0; i < codes.length; ) {
    const channel = Math.floor((from + i) / pixels);
    const stop = Math.min(codes.length, (channel + 1) * pixels - from);
    fillLevels(levels, ranges[2 * channel], ranges[2 * channel + 1]);
    for (; i < stop; i += 1) result[i] = levels[codes[i]];
  }
  return result;
}

/**
 * The value of each of the 256 codes: float64 arithmetic, rounded once when it is stored.
 * @param {Float32Array} levels
 * @param {number} low
 * @param {number} high
 */
function fillLevels(levels, low, high) {
  const unit = (high - low) / 255;
  for (let code = 0; code < 256; code += 1) levels[code] = low + code * unit;
}

/** @type {Float32Array | null} */
let halfTable = null;

/** The float32 of every float16, by its 16 bits. */
function halves() {
  if (halfTable) return halfTable;
  halfTable = new Float32Array(65536);
  for (let code = 0; code < 65536; code += 1) halfTable[code] = half(code);
  return halfTable;
}

/** @param {number} code */
function half(code) {
  const sign = code & 0x8000 ? -1 : 1;
  const exponent = (code >> 10) & 31;
  const fraction = code & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/**
 * The same bytes at a place where numbers of `width` bytes may start.
 * @param {Uint8Array} bytes
 * @param {number} width
 */
function aligned(bytes, width) {
  return bytes.byteOffset % width === 0 ? bytes : bytes.slice();
}
