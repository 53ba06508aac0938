"""Tutorial 2, trained: two classes of photos from a folder, with nothing thrown away that is good.

The steps are the tutorial's: look for broken files, hold out a fifth with the seed 1337, show nine photos and nine
augmentations of one (flips, rotations by up to a tenth of a turn), train with RMSprop at 0.001, and look at what was
learned. A folder of your own has one sub-folder of photos for each class. Without one, the example cuts photos out
of two that come along: a cat, and an astronaut.

    python examples/cats_and_dogs_from_a_folder.py [FOLDER] [PHOTOS]
"""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from stated import Lesson

import convscope as cs
from convscope.data.augment import Augment
from convscope.data.folder import open_folder
from convscope.data.previews import first_nine, nine_augmentations
from convscope.data.splitting import split
from convscope.image import open_image
from convscope.network import Preprocessing
from convscope.spec import build, load, plan
from convscope.train import Recipe, fit
from convscope.train.evaluate import evaluate_model
from convscope.train.pictures import confusion_picture, curves_picture, film_strip, wrong_picture
from convscope.train.probes import Probe, traces

SIZE = 64  # pixels a side; the tutorial takes 300, which sees more and takes twenty times as long
EACH = 60  # photos of a class, where the example makes them


def two_classes(folder):
    """A folder with cuttings of two photos, one broken file, and a good one whose header does not say JFIF."""
    draws = np.random.default_rng(0)
    for label, sample in (("cat", "chelsea"), ("person", "astronaut")):
        (folder / label).mkdir(parents=True)
        photo = Image.fromarray(open_image(sample).pixels)
        for number in range(EACH):
            side = int(draws.integers(120, 220))
            left = int(draws.integers(0, photo.width - side))
            top = int(draws.integers(0, photo.height - side))
            photo.crop((left, top, left + side, top + side)).save(folder / label / f"{label}.{number}.jpg")
    Image.fromarray(open_image("chelsea").pixels).save(folder / "cat" / "good.png")
    (folder / "cat" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF, and then nothing")


lesson = Lesson(__file__, __doc__, photo=True)
place = Path(lesson.photo) if lesson.photo else Path(tempfile.mkdtemp()) / "photos"
if not lesson.photo:
    two_classes(place)

# 1. Every file is read for real. The tutorial's test, whether the header says JFIF, goes wrong both ways.
lesson.title("The folder")
samples = open_folder(place, (SIZE, SIZE))
print(f"  {len(samples):,} photos, classes {', '.join(samples.classes)}")
for left_out in samples.skipped:
    print(f"  left out: {left_out.name}, because {left_out.why}")
if not lesson.photo:
    lesson.number("photos that can be used", len(samples), 2 * EACH + 1)
    lesson.fact("the broken file that says JFIF is out", [one.name for one in samples.skipped] == ["cat/broken.jpg"])
    lesson.fact("the good file that does not is in", "cat/good.png" in samples.names)

# 2. A fifth is held out, by the content of the photos: no photo changes sides when others are added.
lesson.title("Held out")
parts = split(samples, 0.2, seed=1337)
print(f"  {len(parts.train):,} to train on, {len(parts.validation):,} held out")
lesson.fact("no photo is on both sides", not set(parts.train) & set(parts.validation))
lesson.picture("first_nine", Image.fromarray(first_nine(samples)))
lesson.picture("augmented", Image.fromarray(nine_augmentations(samples, 0, Augment.parse("flip,rotation=0.1"))))

# 3. The tutorial's network: four convolutions, global average pooling, one probability.
lesson.title("The network")
spec = load("cats-dogs")
lesson.number("parameters", sum(layer.params for layer in plan(spec)), 97_569)
network = build(spec, (3, SIZE, SIZE))
lesson.number("the same for smaller photos", sum(value.numel() for value in network.parameters()), 97_569)

# 4. Trained. The photo that is followed through the epochs is never trained on.
lesson.title("Training")
recipe = Recipe(
    epochs=12, batch=16, optimizer="rmsprop", learning_rate=1e-3, schedule="constant", weight_decay=0.0,
    augment="flip,rotation=0.1", validation=0.2, seed=1337,
)  # fmt: skip
followed = int(parts.validation[0])
folder = Path(tempfile.mkdtemp()) / "run"
probe = Probe(
    folder, samples.take(np.array([followed]))[0], Preprocessing((SIZE, SIZE)), epochs=recipe.epochs,
    labels=samples.classes, title="cats-dogs", name=samples.names[followed],
)  # fmt: skip
run = fit(network, samples, recipe, folder, probe=probe, spec=spec.text(), title="cats-dogs")
for row in run.rows:
    print(f"  epoch {row['epoch']:>2}   loss {row['train_loss']:.3f}   held out {row['validation_accuracy']:.3f}")
answers = evaluate_model(run.model, samples, parts.validation)
print(f"  the best epoch was {run.best}: {answers}")
if not lesson.photo:
    lesson.fact("four of five held-out photos are named", answers.accuracy > 0.8)

# 5. What it learned.
lesson.picture("curves", curves_picture(run.rows))
lesson.picture("confusion", confusion_picture(answers, samples.classes))
lesson.picture("wrong", wrong_picture(answers, samples))
lesson.picture("film", film_strip(traces(folder)))
trace = cs.trace(folder, "chelsea")
print(f"\nchelsea is: {', '.join(f'{score.label} {score.value:.2f}' for score in trace.scores)}")
samples.close()

lesson.done()
