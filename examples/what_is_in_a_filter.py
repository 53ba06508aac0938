"""Tutorial 5: what is in a filter.

The filters of a new convolution are random numbers. They are learned in training; nobody puts a blurring
or a sharpening one in. But one can be put in by hand, to see what a filter answers to: a 3 x 3 identity
matrix, for example, answers to a diagonal line. Then the cat goes through the same convolution five times.

    python examples/what_is_in_a_filter.py [FOLDER]
"""

import numpy as np
from PIL import Image
from stated import Lesson
from strip import one_map, strip

import convscope as cs
from convscope.draw import kernels, rows

lesson = Lesson(__file__, __doc__)

# 1. A new convolution: 3 filters x 3 input channels x 3 x 3 random numbers, and 3 biases of 0.
lesson.title("A new convolution")
conv = cs.trace("conv(3, 3)", "chelsea")["conv_1"]
print(conv.params["weight"].round(3))
lesson.number("weights: 3 * 3 * 3 * 3", conv.params["weight"].size, 81)
other = cs.trace("conv(3, 3)", "chelsea", seed=1)["conv_1"]
lesson.fact("another seed, other numbers", not np.array_equal(conv.params["weight"], other.params["weight"]))
lesson.picture("random_filters", kernels(conv))

# 2. An identity matrix as the kernel: 1 on the diagonal, 0 elsewhere.
lesson.title("A diagonal kernel answers to a diagonal line")
falling = np.eye(9, dtype=np.float32)[None]  # one channel, 9 x 9, a line from top left to bottom right
rising = falling[:, :, ::-1].copy()  # from bottom left to top right
network = "conv(1, init=[[1, 0, 0], [0, 1, 0], [0, 0, 1]])"
on_falling, on_rising = cs.trace(network, falling), cs.trace(network, rising)
print(on_falling["conv_1"].pixel(0, 3, 3))
lesson.number("answer on a falling line", int(on_falling["conv_1"].value.max()), 3)
lesson.number("answer on a rising line", int(on_rising["conv_1"].value.max()), 1)
lesson.picture("diagonal", rows([("falling line", on_falling), ("rising line", on_rising)]))

# 3. Filters made by hand. No network starts with these; early layers of trained ones often resemble some.
lesson.title("Filters with a name, on the cat's brightness")
names = ["identity", "blur", "sharpen", "sobel_x", "sobel_y", "laplacian", "emboss", "diagonal"]
named = []
for name in names:
    value = cs.trace(f"conv(1, 3, init={name})", "chelsea")["conv_1"].value
    lesson.shape(name, value, "298x449")
    named.append((name, f"{value.min():.2f} .. {value.max():.2f}", one_map(value[0], width=300)))
lesson.picture("named_filters", strip(named, columns=4))

# 4. The same convolution five times: a text and a seed always give the same weights. What comes out is
#    three channels again, so it can be shown as a colour picture and go in once more.
lesson.title("The same convolution five times: each time 3 - 1 = 2 rows and columns fewer")


def as_colours(maps):
    """(3, H, W) as a colour picture: the smallest number becomes 0, the largest 255."""
    low, high = maps.min(), maps.max()
    return Image.fromarray(((maps - low) / (high - low) * 255).astype(np.uint8).transpose(1, 2, 0))


picture, times = "chelsea", []
for time, stated in enumerate(["298x449x3", "296x447x3", "294x445x3", "292x443x3", "290x441x3"], start=1):
    again = cs.trace("conv(3, 3)", picture, seed=17)["conv_1"]
    lesson.shape(f"time {time}", again.value, stated)
    lesson.picture(f"time_{time}", as_colours(again.value))
    times.append((f"time {time}", stated, as_colours(again.value).resize((290, 193))))
    picture = again.value
lesson.picture("five_times", strip(times))

lesson.done()
