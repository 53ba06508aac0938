"""Tutorial 1: one picture through a growing network (forward propagation).

The weights are drawn at random once and saved. Then the network grows by a layer at a time, and every
stage takes its weights from that file by layer name, so that nothing changes but the new layer. The
photo is the astronaut, 575 pixels high and 607 wide, and the network sees its numbers from 0 to 255.

    python examples/growing_network.py [FOLDER]
"""

import numpy as np
from stated import Lesson
from strip import one_map, strip

import convscope as cs
from convscope.draw import contact, grid, rows
from convscope.spec import build, parse, vary
from convscope.weights import read, save

SIZE = (575, 607)  # height, width
STAGES = [  # a layer, the name of its step, and the shape that the tutorial states
    ("conv_1: conv(3, 3)", "conv_1", "573x605x3"),
    ("maxpool(3)", "pool_1", "191x201x3"),
    ("relu", "relu_1", "191x201x3"),
    ("conv_2: conv(3, 3)", "conv_2", "189x199x3"),
    ("maxpool(2)", "pool_2", "94x99x3"),
    ("relu", "relu_2", "94x99x3"),
    ("conv_3: conv(3, 3)", "conv_3", "92x97x3"),
    ("relu", "relu_3", "92x97x3"),
    ("conv_4: conv(3, 3)", "conv_4", "90x95x3"),
    ("relu", "relu_4", "90x95x3"),
    ("flatten", "flatten_1", "25650"),  # 90 * 95 * 3
    ("dens_1: dense(8)", "dens_1", "8"),
    ("relu", "relu_5", "8"),
]

lesson = Lesson(__file__, __doc__)
whole = parse(" | ".join(layer for layer, _, _ in STAGES))

# 1. Random weights, made once and kept in a file.
weights = lesson.folder / "weights.safetensors"
save(build(whole, (3, *SIZE), seed=4), weights)


def see(network):
    """The astronaut through a network whose weights come from the file."""
    return cs.trace(network, "astronaut", size=SIZE, scale="byte", weights=weights)


# 2. The network grows. Each stage is a network of its own, and ends one layer later than the one before.
lesson.title("A growing network: height x width x channels of what comes out last")
growth = []
for number, (_, name, stated) in enumerate(STAGES, start=1):
    stage = see(" | ".join(layer for layer, _, _ in STAGES[:number]))
    lesson.shape(f"stage {number:2}  {name}", stage[name].value, stated)
    # As in the tutorial: every map from its minimum to its maximum becomes 0..255.
    lesson.picture(f"stage_{number:02}_{name}", grid(stage[name].value, scale="byte"))
    if stage[name].has_maps:
        growth.append((name, stated, one_map(stage[name].value[2])))
lesson.picture("growth", strip(growth))

full = see(whole)
lesson.fact("the last stage is the whole net", np.array_equal(stage["relu_5"].value, full["relu_5"].value))
for name, saved in read(weights).layers.items():
    lesson.fact(f"{name} has the saved weights", np.array_equal(full[name].params["weight"], saved["weight"]))
lesson.picture("whole_network", contact(full))

# 3. The same weights, other activations: only what comes out of the relus changes.
lesson.title("Every relu replaced: the shapes stay, the numbers do not")
variants = [(name, see(vary(whole, "activation", name))) for name in ("relu", "sigmoid", "tanh")]
for name, trace in variants:
    for number, shape in enumerate(["191x201x3", "94x99x3", "92x97x3", "90x95x3", "8"], start=1):
        step = trace[f"{name}_{number}"]
        lesson.shape(f"{step.name}  {step.range[0]:.3g} .. {step.range[1]:.3g}", step.value, shape)
shown = ["conv_1", "relu_1", "relu_2", "relu_3", "relu_4", "relu_5"]
lesson.picture("activations", rows(variants, steps=shown, scale="byte"))

# 4. One convolution whose weights are all 0.12: it adds up the pixels under its window, which blurs.
#    One filter is enough, since filters with the same weights make the same map.
lesson.title("All weights 0.12: the larger the kernel, the smaller and smoother the map")
single = parse("conv(1, 3, init=constant(0.12))")
blurred = [("the photo's green", "575x607x1", one_map(full["input"].value[1], width=300))]
for kernel, stated in (("3", "573x605"), ("12", "564x596"), ("24", "552x584")):
    trace = cs.trace(vary(single, "conv_1.kernel", kernel), "astronaut", size=SIZE, scale="byte")
    lesson.shape(f"kernel {kernel}x{kernel}", trace["conv_1"].value, stated)
    lesson.picture(f"kernel_{kernel}", grid(trace["conv_1"].value, scale="byte"))
    blurred.append((f"kernel {kernel}x{kernel}", f"{stated}x1", one_map(trace["conv_1"].value[0], width=300)))
lesson.picture("kernels_of_0.12", strip(blurred))

lesson.done()
