"""Tutorial 2, its parts: what each kind of layer does, with its numbers.

Every part is built as a tiny network, run on a photo of 120 x 180 pixels, and explained at one value:
which inputs it read, what it did with them, and that this gives exactly the number that was recorded.

    python examples/parts_of_a_cnn.py [FOLDER]
"""

import numpy as np
from stated import Lesson
from strip import one_map, strip

import convscope as cs
from convscope.draw import kernels, step_picture
from convscope.weights import save

PARTS = [  # what it is, a network that ends with it, its shape
    ("convolution: filters of kernels", "conv(2, 3)", "118x178x2"),
    ("padding valid: loses the border", "conv(2, 3, padding=valid)", "118x178x2"),
    ("padding same: zeros around it", "conv(2, 3, padding=same)", "120x180x2"),
    ("strides: every second window", "conv(2, 3, stride=2, padding=same)", "60x90x2"),
    ("relu", "conv(2, 3) | relu", "118x178x2"),
    ("leaky relu", "conv(2, 3) | leaky_relu(0.3)", "118x178x2"),
    ("elu", "conv(2, 3) | elu", "118x178x2"),
    ("max pooling", "conv(2, 3) | maxpool(2)", "59x89x2"),
    ("average pooling", "conv(2, 3) | avgpool(2)", "59x89x2"),
    ("flatten", "conv(2, 3) | maxpool(6) | flatten", "1102"),  # 19 * 29 * 2
    ("dense", "conv(2, 3) | maxpool(6) | flatten | dense(4)", "4"),
    ("dropout: rests when not training", "conv(2, 3) | dropout(0.5)", "118x178x2"),
    ("upsampling, nearest", "conv(2, 3) | upsample(2, nearest)", "236x356x2"),
    ("transposed convolution", "conv_transpose(2, 3, stride=2, padding=same)", "240x360x2"),
]


def see(network, **more):
    """The small photo through a network, every time with the same random weights by layer name."""
    return cs.trace(network, "chelsea", size=(120, 180), seed=40, **more)


def explain(what, step, stated):
    """The shape of a step and the arithmetic of one of its values."""
    lesson.shape(what, step.value, stated)
    pixel = step.pixel(0, 20, 30) if step.has_maps else step.pixel(1)
    print("\n".join(f"      {line}" for line in str(pixel).splitlines()))
    lesson.fact("these numbers give the value", pixel.holds)


lesson = Lesson(__file__, __doc__)

lesson.title("The parts, and one value of each explained (channel 0, row 20, column 30)")
lesson.shape("input: red, green and blue", see("conv(2, 3)").input.value, "120x180x3")
maps = []
for number, (what, network, stated) in enumerate(PARTS, start=1):
    trace = see(network)
    if "transpose" in network:  # computed for one row and column more, then cut; the first has the products
        explain("transposed convolution, uncut", trace["conv_transpose_1"], "241x361x2")
    explain(what, trace.output, stated)
    lesson.picture(f"{number:02}_{trace.output.name}", step_picture(trace.output))
    if trace.output.has_maps:
        maps.append((what.split(":")[0], stated, one_map(trace.output.value[0])))
lesson.picture("all_parts", strip(maps, columns=4))

lesson.title("Kernel and filter: a filter has one kernel for each input channel")
conv = see("conv(2, 3)")["conv_1"]
lesson.number("filters (output channels)", conv.params["weight"].shape[0], 2)
lesson.number("kernels in each (input channels)", conv.params["weight"].shape[1], 3)
lesson.number("parameters: (3*3*3 + 1) * 2", sum(array.size for array in conv.params.values()), 56)
lesson.picture("kernels_and_filters", kernels(conv))

lesson.title("Activations: what each makes of the same numbers")
variants = []
for name in ("conv_1", "relu", "leaky_relu(0.3)", "elu", "sigmoid", "tanh"):
    trace = see("conv(2, 3)" if name == "conv_1" else f"conv(2, 3) | {name}")
    first_map = trace.output.value[0]
    print(f"  {name:<34} {first_map.min():.3f} .. {first_map.max():.3f}")
    picture = one_map(first_map, width=300, scale="each", colors="signed")
    variants.append((name, f"{first_map.min():.3f} .. {first_map.max():.3f}", picture))
lesson.picture("activations", strip(variants, columns=3))

lesson.title("Pooling: the largest of 6 x 6 numbers, or their mean")
pooled = {name: see(f"conv(2, 3) | relu{name}").output.value for name in ("", " | maxpool(6)", " | avgpool(6)")}
lesson.shape("max pooling, 6x6", pooled[" | maxpool(6)"], "19x29x2")
lesson.fact("a maximum is never below the mean", bool((pooled[" | maxpool(6)"] >= pooled[" | avgpool(6)"]).all()))
pictures = []
for name, value in pooled.items():
    picture = one_map(value[0], width=300, scale="each", colors="magma")
    pictures.append((f"relu{name}", f"0 .. {value[0].max():.3f}", picture))
lesson.picture("pooling", strip(pictures))

lesson.title("Dropout changes nothing when a network is used")
dropped = see("conv(2, 3) | dropout(0.5)")
lesson.fact("what goes in comes out", np.array_equal(dropped["conv_1"].value, dropped["dropout_1"].value))

# Batch normalisation keeps four numbers a channel. In training it would learn them from many pictures;
# here the mean and the variance are those of this one picture, and scale and shift are chosen by hand.
lesson.title("Batch normalisation: mean, variance, normalise, scale and shift")
learned = {
    "running_mean": conv.value.mean(axis=(1, 2)),
    "running_var": conv.value.var(axis=(1, 2)),
    "weight": np.array([1, 2], np.float32),  # scale, called gamma
    "bias": np.array([0, 5], np.float32),  # shift, called beta
}
save({"bn_1": learned}, lesson.folder / "normalised.safetensors")
normal = see("conv(2, 3) | batch_norm", weights=lesson.folder / "normalised.safetensors")["bn_1"]
explain("batch normalisation", normal, "118x178x2")
epsilon = normal.settings["eps"]  # keeps the root from being 0; it makes the deviation a little smaller
for channel in (0, 1):
    before, after = conv.value[channel], normal.value[channel]
    gamma, beta = learned["weight"][channel], learned["bias"][channel]
    print(f"  channel {channel}: mean {before.mean():7.4f} -> {after.mean():.4f}, ", end="")
    print(f"deviation {before.std():.4f} -> {after.std():.4f}")
    deviation = gamma * np.sqrt(before.var() / (before.var() + epsilon))
    near = np.allclose([after.mean(), after.std()], [beta, deviation], atol=1e-3)
    lesson.fact(f"mean {beta:.0f}, deviation {deviation:.4f}", bool(near))
lesson.picture("batch_norm", step_picture(normal, scale="shared"))

lesson.done()
