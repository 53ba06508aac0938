"""Tutorial 2, its network: cats against dogs, four convolutions to one probability.

Shows what the network is made of and what it does with one photo of 300 x 300 pixels. It is untrained
here, so its answer means nothing yet. The tutorial states layers and not shapes; the shapes and counts
below follow from them by hand.

    python examples/cats_and_dogs_network.py [FOLDER] [PHOTO]
"""

from stated import Lesson

import convscope as cs
from convscope.draw import contact
from convscope.spec import keras_code, load, plan

BY_HAND = [  # step, shape, parameters: (kernel * kernel * channels in + 1) * channels out
    ("conv_1", "300x300x16", (3 * 3 * 3 + 1) * 16),
    ("pool_1", "150x150x16", 0),
    ("conv_2", "150x150x32", (3 * 3 * 16 + 1) * 32),
    ("pool_2", "75x75x32", 0),
    ("conv_3", "75x75x64", (3 * 3 * 32 + 1) * 64),
    ("pool_3", "37x37x64", 0),  # the 75th row and column do not fill a window
    ("conv_4", "37x37x128", (3 * 3 * 64 + 1) * 128),
    ("gap_1_flatten", "128", 0),  # the mean of each map
    ("dense_1", "1", 128 + 1),
    ("sigmoid_1", "1", 0),
]

lesson = Lesson(__file__, __doc__, photo=True)
network = load("cats-dogs")
planned = {layer.name: layer for layer in plan(network)}
trace = cs.trace(network, lesson.photo or "chelsea", seed=9)

lesson.title("Shapes and parameters")
for name, stated, count in BY_HAND:
    lesson.shape(name, trace[name].value, stated)
    if count:
        lesson.number(f"  {planned[name].formula}", planned[name].params, count)
lesson.number("all parameters", sum(layer.params for layer in planned.values()), 97_569)

print(f"\nthe answer of the untrained network: {trace.scores[0].value:.3f}")
lesson.picture("whole_network", contact(trace))
(lesson.folder / "network_in_keras.py").write_text(keras_code(network), encoding="utf-8")

lesson.done()
