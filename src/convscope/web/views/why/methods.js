/** What each method is called, and what it asks, in both languages. A method nobody has described keeps its own name. */

/** @typedef {{ title: string, en: string, zh: string }} Told */

/** @type {Record<string, Told>} */
const METHODS = {
  cam: {
    title: "CAM",
    en: "The last feature maps, each weighed by the class's own weight for it.",
    zh: "用该类别自己的权重，对最后一层的特征图加权求和。",
  },
  gradcam: {
    title: "Grad-CAM",
    en: "The feature maps of one layer, each weighed by the mean gradient of the class's score.",
    zh: "对某一层的特征图加权求和，权重是类别得分对该特征图梯度的平均值。",
  },
  "gradcam++": {
    title: "Grad-CAM++",
    en: "As Grad-CAM, but places whose gradient is positive weigh more: meant for several objects of one class.",
    zh: "与 Grad-CAM 相似，但梯度为正的位置权重更大，适合图中有多个同类物体的情形。",
  },
  hirescam: {
    title: "HiResCAM",
    en: "Feature map times gradient, place by place: only what really raised the score.",
    zh: "特征图与梯度逐位置相乘：只标出真正提高了得分的位置。",
  },
  layercam: {
    title: "LayerCAM",
    en: "Feature map times positive gradient, place by place: finer in early layers.",
    zh: "特征图与正梯度逐位置相乘，在较早的层里更精细。",
  },
  eigencam: {
    title: "Eigen-CAM",
    en: "The strongest common pattern of a layer's feature maps. It does not know the class.",
    zh: "一层特征图中最强的共同模式。它与类别无关。",
  },
  scorecam: {
    title: "Score-CAM",
    en: "The photo is shown through each feature map; what raises the score counts.",
    zh: "依次用每张特征图遮罩照片，看得分提高多少，以此为权重。",
  },
  gradient: {
    title: "Gradient",
    en: "How much the score would change with each pixel.",
    zh: "每个像素稍作改变时，得分会改变多少。",
  },
  inputxgradient: {
    title: "Input × gradient",
    en: "Each pixel's gradient times its value.",
    zh: "每个像素的梯度乘以它的数值。",
  },
  smoothgrad: {
    title: "SmoothGrad",
    en: "The mean gradient over noisy copies of the photo.",
    zh: "给照片多次加噪声，取梯度的平均值。",
  },
  integrated: {
    title: "Integrated gradients",
    en: "Gradients added up along the way from a blank picture to the photo; together they give the score's difference.",
    zh: "沿着从空白图到照片的路径累加梯度，总和等于两者得分之差。",
  },
  occlusion: {
    title: "Occlusion",
    en: "A patch covers one part of the photo after the other; what lowers the score counts.",
    zh: "用小块逐处遮住照片，看得分降低多少。",
  },
  rise: {
    title: "RISE",
    en: "The mean of many random masks, each weighed by the score that is left.",
    zh: "对大量随机遮罩取平均，权重是遮住后剩下的得分。",
  },
  guided: {
    title: "Guided backprop",
    en: "Gradients with every negative part dropped on the way back.",
    zh: "反向传播时丢掉所有负值的梯度。",
  },
};

/** @param {string} method */
export function methodTitle(method) {
  return Object.hasOwn(METHODS, method) ? METHODS[method].title : method;
}

/** One sentence; empty for a method that nobody has described. @param {string} method @param {"en" | "zh"} language */
export function methodText(method, language) {
  return Object.hasOwn(METHODS, method) ? METHODS[method][language] : "";
}

/** Methods that are known to give nearly the same picture whatever the network has learned (Adebayo et al., 2018). */
export const DECEPTIVE = Object.freeze(["guided"]);

/** Every method that has words. */
export const DESCRIBED = Object.freeze(Object.keys(METHODS));
