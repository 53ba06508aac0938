"""Tutorial 4: what convolution, activation and pooling do to a cat.

The tutorial's photo is 320 pixels high and 400 wide. Give your own as the second argument; without one,
the cat that comes along is brought to that size, and the shapes are the same.

    python examples/conv_activation_pooling.py [FOLDER] [PHOTO]
"""

import numpy as np
from stated import Lesson
from strip import one_map, strip

import convscope as cs
from convscope.draw import contact, grid, rows

ONE_LAYER = [  # a network and the shape that the tutorial states
    ("conv(3, 3)", "318x398x3"),
    ("conv(3, 10)", "311x391x3"),
    ("conv(1, 3)", "318x398x1"),
    ("conv(1, 15)", "306x386x1"),
]
WITH_MORE = [
    ("conv(1, 3) | relu", "318x398x1"),
    ("conv(1, 3) | maxpool(5)", "63x79x1"),
    ("conv(1, 3) | relu | maxpool(5)", "63x79x1"),
    ("conv(1, 3) | maxpool(5) | relu", "63x79x1"),
    ("conv(3, 3) | relu | maxpool(5)", "63x79x3"),
]
LENET = [
    ("conv(1, 3) | relu | maxpool(3) | conv(1, 3) | relu | maxpool(3)", "34x43x1"),
    ("conv(3, 3) | relu | maxpool(3) | conv(1, 3) | relu | maxpool(2)", "52x65x1"),
    ("conv(3, 3) | relu | maxpool(3) | conv(3, 3) | relu | maxpool(2)", "52x65x3"),
]

lesson = Lesson(__file__, __doc__, photo=True)


def see(network):
    """The cat through a network that sees numbers from 0 to 255."""
    return cs.trace(network, lesson.photo or "chelsea", size=(320, 400), scale="byte", seed=5)


def run(networks, kind, width=260):
    """Run each network, compare its last shape, keep its last picture; the traces by network."""
    traces, last = {}, []
    for number, (network, stated) in enumerate(networks, start=1):
        traces[network] = trace = see(network)
        lesson.shape(network, trace.output.value, stated)
        lesson.picture(f"{kind}_{number}", grid(trace.output.value, scale="byte"))
        last.append((stated, network, one_map(trace.output.value[0], width=width)))
    lesson.picture(kind, strip(last))
    return traces


lesson.title("One convolution: kernel size - 1 pixels are lost, a filter makes a channel")
run(ONE_LAYER, "conv")

lesson.title("Activation keeps the shape, pooling divides it")
traces = run(WITH_MORE, "more")
first, second = traces["conv(1, 3) | relu | maxpool(5)"], traces["conv(1, 3) | maxpool(5) | relu"]
# relu never changes which of two numbers is the larger one, so the order makes no difference.
lesson.fact("relu then pool = pool then relu", np.array_equal(first.output.value, second.output.value))
lesson.picture("order_of_relu_and_pool", rows([("relu, then pool", first), ("pool, then relu", second)]))

lesson.title("The stages of LeNet")
stages = run(LENET, "lenet", width=400)
lesson.picture("lenet_stages", contact(stages[LENET[-1][0]]))

lesson.done()
