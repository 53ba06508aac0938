/** What each kind of step (docs/steps.md) is called by people, in both languages. */

/** @type {Record<string, [string, string]>} */
const NAMES = {
  input: ["input", "输入"],

  conv2d: ["convolution", "卷积"],
  conv_transpose2d: ["transposed convolution", "转置卷积"],
  linear: ["dense", "全连接"],

  max_pool2d: ["max pooling", "最大池化"],
  avg_pool2d: ["average pooling", "平均池化"],
  adaptive_avg_pool2d: ["adaptive average pooling", "自适应平均池化"],
  adaptive_max_pool2d: ["adaptive max pooling", "自适应最大池化"],

  batch_norm: ["batch norm", "批归一化"],
  layer_norm: ["layer norm", "层归一化"],
  group_norm: ["group norm", "组归一化"],
  local_response_norm: ["local response norm", "局部响应归一化"],

  relu: ["ReLU", "ReLU"],
  relu6: ["ReLU6", "ReLU6"],
  leaky_relu: ["leaky ReLU", "Leaky ReLU"],
  prelu: ["PReLU", "PReLU"],
  elu: ["ELU", "ELU"],
  celu: ["CELU", "CELU"],
  selu: ["SELU", "SELU"],
  gelu: ["GELU", "GELU"],
  silu: ["SiLU", "SiLU"],
  mish: ["Mish", "Mish"],
  sigmoid: ["sigmoid", "Sigmoid"],
  tanh: ["tanh", "Tanh"],
  hardsigmoid: ["hard sigmoid", "Hard Sigmoid"],
  hardswish: ["hard swish", "Hard Swish"],
  hardtanh: ["hard tanh", "Hard Tanh"],
  softplus: ["softplus", "Softplus"],
  softsign: ["softsign", "Softsign"],
  logsigmoid: ["log-sigmoid", "Log-Sigmoid"],
  softmax: ["softmax", "Softmax"],
  log_softmax: ["log-softmax", "Log-Softmax"],

  exp: ["exponential", "指数"],
  log: ["logarithm", "对数"],
  sqrt: ["square root", "平方根"],
  rsqrt: ["reciprocal square root", "平方根倒数"],
  abs: ["absolute value", "绝对值"],
  neg: ["negation", "取负"],
  square: ["square", "平方"],
  sin: ["sine", "正弦"],
  cos: ["cosine", "余弦"],
  reciprocal: ["reciprocal", "倒数"],
  pow: ["power", "幂"],
  clamp: ["clamp", "截断"],

  dropout: ["dropout", "随机失活"],
  identity: ["identity", "恒等"],

  add: ["addition", "相加"],
  sub: ["subtraction", "相减"],
  mul: ["multiplication", "相乘"],
  div: ["division", "相除"],
  maximum: ["larger of two", "逐元素取较大值"],
  minimum: ["smaller of two", "逐元素取较小值"],
  cat: ["concatenation", "拼接"],
  stack: ["stacking", "堆叠"],

  flatten: ["flatten", "展平"],
  reshape: ["reshape", "变形"],
  squeeze: ["squeeze", "去除长度为 1 的轴"],
  unsqueeze: ["unsqueeze", "增加长度为 1 的轴"],
  permute: ["axes reordered", "轴重排"],
  slice: ["slice", "切片"],
  pad: ["padding", "填充"],
  interpolate: ["resize", "插值缩放"],
  pixel_shuffle: ["pixel shuffle", "像素重排"],
  channel_shuffle: ["channel shuffle", "通道重排"],

  mean: ["mean", "取平均"],
  sum: ["sum", "求和"],
  amax: ["maximum", "取最大值"],
};

/** Every kind that has words. */
export const KINDS = Object.freeze(Object.keys(NAMES));

/**
 * A kind in words: `conv2d` is a convolution, 卷积. A kind nobody has described keeps the name of its function.
 * @param {string} kind
 * @param {"en" | "zh"} language
 * @returns {string}
 */
export function kindName(kind, language) {
  const names = Object.hasOwn(NAMES, kind) ? NAMES[kind] : null;
  return names ? names[language === "zh" ? 1 : 0] : kind;
}
