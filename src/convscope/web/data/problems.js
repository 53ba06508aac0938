/** What can be wrong with a file or its server, as one sentence in the page's language. */

/** @typedef {"en" | "zh"} Language */

const SENTENCES = {
  unreachable: {
    en: "{url} could not be reached; check that the server is still running, then reload the page.",
    zh: "无法访问 {url}；请确认服务器仍在运行，然后刷新页面。",
  },
  refused: {
    en: "The server answered {url} with HTTP status {status}; reload the page, or open it again from the program that made it.",
    zh: "服务器对 {url} 返回了 HTTP 状态 {status}；请刷新页面，或从生成它的程序重新打开。",
  },
  changed: {
    en: "{url} changed while it was being read; reload the page.",
    zh: "{url} 在读取过程中发生了变化；请刷新页面。",
  },
  incomplete: {
    en: "The server sent {got} of the {wanted} bytes asked of {url}; reload the page.",
    zh: "向 {url} 请求 {wanted} 字节，服务器只返回了 {got} 字节；请刷新页面。",
  },
  block: {
    en: "Part {id} of this page is damaged; get the file again.",
    zh: "本页面的第 {id} 部分已损坏；请重新获取该文件。",
  },
  empty: { en: "The trace is empty; record it again.", zh: "记录文件是空的；请重新记录。" },
  webpage: {
    en: "The trace is a web page; download the file itself.",
    zh: "得到的是网页而不是记录文件；请下载文件本身。",
  },
  foreign: {
    en: "This is no trace: it has no field {field}; open a file that convscope saved.",
    zh: "这不是记录文件：缺少 {field} 字段；请打开由 convscope 保存的文件。",
  },
  long: {
    en: "The file announces a header of {length} bytes; at most {limit} are allowed.",
    zh: "文件声明的文件头有 {length} 字节，最多允许 {limit} 字节。",
  },
  crowded: {
    en: "The file has a header of {marks} values; at most {limit} are allowed.",
    zh: "文件头含有 {marks} 个值，最多允许 {limit} 个。",
  },
  cut: {
    en: "The file is cut short: it needs {needed} bytes and has {size}; download it again.",
    zh: "文件不完整：需要 {needed} 字节，实际只有 {size} 字节；请重新下载。",
  },
  json: {
    en: "The file is damaged: its header is not JSON text; download it again.",
    zh: "文件已损坏：文件头不是 JSON 文本；请重新下载。",
  },
  newer: {
    en: "The file was made by a newer convscope, in format {format}; update convscope.",
    zh: "文件由更新版本的 convscope 生成(格式 {format})；请升级 convscope。",
  },
  field: {
    en: "The file is damaged: {path} is {value}; record it again.",
    zh: "文件已损坏：{path} 的值为 {value}；请重新记录。",
  },
  missing: {
    en: "The file is damaged: {path} refers to the tensor {tensor}, which is not there; record it again.",
    zh: "文件已损坏：{path} 引用的张量 {tensor} 不存在；请重新记录。",
  },
  mismatch: {
    en: "The file is damaged: {path} does not fit the tensor {tensor} of shape {shape}; record it again.",
    zh: "文件已损坏：{path} 与形状为 {shape} 的张量 {tensor} 不符；请重新记录。",
  },
  twins: {
    en: "The file is damaged: two steps are called {name}; record it again.",
    zh: "文件已损坏：有两个步骤都叫 {name}；请重新记录。",
  },
  unlike: {
    en: "The overview belongs to another trace: it has {overview} steps and the trace {trace}; reload the page.",
    zh: "概览属于另一份记录：概览有 {overview} 个步骤，而记录有 {trace} 个；请刷新页面。",
  },
  mapless: {
    en: "The step {name} has no feature maps; look at its values instead.",
    zh: "步骤 {name} 没有特征图；请改看它的数值。",
  },
};

/** An error that can be told in both languages; `message` is the English one. */
export class Problem extends Error {
  /**
   * @param {keyof typeof SENTENCES} key
   * @param {Record<string, string | number>} [values]
   */
  constructor(key, values = {}) {
    super(fill(SENTENCES[key].en, values));
    this.name = "Problem";
    this.key = key;
    this.values = values;
  }
}

/**
 * What to show a reader for any error.
 * @param {Error} error
 * @param {Language} language
 * @returns {string}
 */
export function problemText(error, language) {
  return error instanceof Problem ? fill(SENTENCES[error.key][language], error.values) : error.message;
}

/**
 * Anything, short enough for a sentence.
 * @param {unknown} value
 * @returns {string}
 */
export function short(value) {
  const text = value === undefined ? "missing" : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/**
 * @param {string} text
 * @param {Record<string, string | number>} values
 */
function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(values, name) ? String(values[name]) : whole));
}
