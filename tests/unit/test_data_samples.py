"""Samples in memory, the split, the order of batches, the feed."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time

import numpy as np
import pytest

from convscope.data.feed import Feed
from convscope.data.order import batches, in_turn
from convscope.data.samples import ArraySamples, Samples
from convscope.data.splitting import Split, keyed_draws, leaks, split
from convscope.errors import DataError


def numbered(count: int, classes: int = 2) -> ArraySamples:
    images = np.arange(count, dtype=np.uint32).view(np.uint8).reshape(count, 2, 2)
    return ArraySamples(images, np.arange(count) % classes, [f"class {i}" for i in range(classes)])


def test_array_samples_are_samples() -> None:
    samples = numbered(5)
    assert isinstance(samples, Samples)
    assert samples.shape == (2, 2, 1)
    assert samples.labels.dtype == np.int64
    assert samples.keys[3] == hashlib.sha256(np.uint32(3).tobytes()).hexdigest()
    taken = samples.take(np.array([4, 1]))
    assert taken.reshape(2, 4).copy().view(np.uint32).ravel().tolist() == [4, 1]
    taken[:] = 0
    assert samples.take(np.array([4])).any(), "what was taken is the caller's"


@pytest.mark.parametrize(
    ("images", "labels", "match"),
    [
        (np.zeros((2, 3, 3), np.float32), [0, 1], "images are float32"),
        (np.zeros((0, 3, 3), np.uint8), [], "not empty"),
        (np.zeros((2, 3, 3), np.uint8), [0], "2 images and labels of shape"),
        (np.zeros((2, 3, 3), np.uint8), [0, 2], "labels run from 0 to 2 and there are 2 class names"),
        (np.zeros((2, 3, 3), np.uint8), [-1, 1], "labels run from -1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(images: np.ndarray, labels: list[int], match: str) -> None:
    with pytest.raises(DataError, match=match):
        ArraySamples(images, labels, ["a", "b"])


def test_names_and_keys_must_be_as_many() -> None:
    images = np.zeros((2, 3, 3), np.uint8)
    with pytest.raises(DataError, match="2 images and 1 names"):
        ArraySamples(images, [0, 1], ["a", "b"], names=["x"])
    with pytest.raises(DataError, match="2 images and 3 keys"):
        ArraySamples(images, [0, 1], ["a", "b"], keys=["x", "y", "z"])


# -- split -------------------------------------------------------------------------------------------------------------


def test_the_split_takes_its_share_of_every_class() -> None:
    samples = numbered(20_000, 4)
    parts = split(samples, 0.2)
    assert sorted([*parts.train, *parts.validation]) == list(range(20_000))
    shares = np.bincount(samples.labels[parts.validation]) / np.bincount(samples.labels)
    assert np.abs(shares - 0.2).max() < 0.025, "five deviations of a binomial"


def test_a_sample_keeps_its_side_when_others_come_go_or_are_renamed() -> None:
    few, many = numbered(400), numbered(1000)
    assert set(split(few).validation) == {i for i in split(many).validation if i < 400}
    turned = ArraySamples(many.images[::-1], many.labels[::-1], many.classes, names="photo")
    assert {999 - i for i in split(turned).validation} == set(split(many).validation)


def test_copies_stay_on_one_side_also_across_classes() -> None:
    keys = [str(i % 300) for i in range(900)]
    samples = ArraySamples(np.zeros((900, 1, 1), np.uint8), np.arange(900) // 450, ["a", "b"], keys=keys)
    parts = split(samples, 0.3)
    assert not {keys[i] for i in parts.train} & {keys[i] for i in parts.validation}


def test_another_seed_is_another_split() -> None:
    samples = numbered(1000)
    first, second = (set(split(samples, seed=seed).validation) for seed in (1, 2))
    assert first != second
    assert abs(len(first & second) - 40) < 40


def test_small_classes_have_both_sides() -> None:
    for seed in range(30):
        samples = numbered(6, 3)
        parts = split(samples, 0.2, seed)
        for side in (parts.train, parts.validation):
            assert set(samples.labels[side]) == {0, 1, 2}


def test_nothing_can_be_held_out() -> None:
    assert len(split(numbered(10), 0).validation) == 0
    same = ArraySamples(np.zeros((4, 1, 1), np.uint8), [0, 0, 1, 1], ["a", "b"])
    with pytest.raises(DataError, match="1 different pictures, too few"):
        split(same)
    with pytest.raises(DataError, match=r"a share of 1.0 cannot be held out; give a number from 0 to 0.9"):
        split(numbered(10), 1.0)


def test_groups_take_the_place_of_keys() -> None:
    samples = numbered(1000)
    groups = [str(i // 10) for i in range(1000)]
    parts = split(samples, groups=groups)
    assert not {groups[i] for i in parts.train} & {groups[i] for i in parts.validation}
    with pytest.raises(DataError, match="1,000 samples and 3 groups"):
        split(samples, groups=["a", "b", "c"])


def test_draws_are_even_and_never_change() -> None:
    numbers = keyed_draws([str(i) for i in range(4000)], 7)
    assert 0 <= numbers.min() < 0.01
    assert 0.99 < numbers.max() < 1
    assert np.abs(np.histogram(numbers, 10)[0] - 400).max() < 100
    # Splits of earlier versions must stay what they are.
    expected = hashlib.blake2b(b"a", digest_size=8, key=b"split 1").digest()
    assert keyed_draws(["a"], 1)[0] == pytest.approx(int.from_bytes(expected, "little") / 2**64, abs=1e-15)


def test_leaks_are_found_by_fingerprints() -> None:
    parts = Split(np.array([0, 1, 2]), np.array([3, 4]))
    prints = np.array([0, 0xFF, 0xF0F0, 0xFE, 0x0F0F], np.uint64)
    assert leaks(parts, prints) == []
    assert leaks(parts, prints, distance=1) == [(1, 3)]
    assert len(leaks(parts, prints, distance=64, most=4)) == 4


# -- order -------------------------------------------------------------------------------------------------------------


def test_every_sample_comes_once_an_epoch_in_another_order() -> None:
    indices = np.array([3, 7, 11, 20, 21, 22, 30])
    epochs = [np.concatenate(batches(indices, 3, seed=5, epoch=epoch)) for epoch in range(3)]
    assert all(sorted(epoch) == indices.tolist() for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert (np.concatenate(batches(indices, 3, seed=5, epoch=1)) == epochs[1]).all()
    assert (np.concatenate(batches(indices, 3, seed=6, epoch=1)) != epochs[1]).any()


def test_a_last_batch_can_be_left_out_or_short() -> None:
    assert [len(b) for b in batches(np.arange(10), 4, seed=0, epoch=0)] == [4, 4, 2]
    assert [len(b) for b in batches(np.arange(10), 4, seed=0, epoch=0, drop_last=True)] == [4, 4]
    assert batches(np.arange(0), 4, seed=0, epoch=0) == []
    assert [b.tolist() for b in in_turn(np.array([9, 2, 4]), 2)] == [[9, 2], [4]]
    for make in (lambda: batches(np.arange(3), 0, seed=0, epoch=0), lambda: in_turn(np.arange(3), 0)):
        with pytest.raises(DataError, match="a batch of 0 samples is none"):
            make()


# -- feed --------------------------------------------------------------------------------------------------------------


class Slow(ArraySamples):
    """Takes a little, notes who asks, fails where told to."""

    def __init__(self, bad: int = -1) -> None:
        super().__init__(np.arange(64, dtype=np.uint8).reshape(64, 1, 1), [0, 1] * 32, ["a", "b"])
        self.bad, self.asked = bad, 0

    def take(self, indices: np.ndarray) -> np.ndarray:
        self.asked += 1
        time.sleep(0.001 * (int(indices[0]) % 3))
        if self.bad in indices:
            raise DataError("photo 17 is gone")
        return super().take(indices)


def running() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "feed" in thread.name]


def test_the_feed_keeps_the_order_and_leaves_nothing_running() -> None:
    plan = batches(np.arange(64), 5, seed=1, epoch=0)
    got = list(Feed(Slow(), plan, workers=3))
    assert [indices.tolist() for indices, _ in got] == [batch.tolist() for batch in plan]
    assert all((pixels.ravel() == indices).all() for indices, pixels in got)
    assert running() == []


def test_the_feed_starts_where_a_training_resumes() -> None:
    plan = in_turn(np.arange(64), 10)
    assert [indices[0] for indices, _ in Feed(Slow(), plan, first=5)] == [50, 60]
    assert list(Feed(Slow(), plan, first=7)) == []


def test_an_error_comes_where_its_batch_would() -> None:
    seen = []
    with (
        pytest.raises(DataError, match="photo 17 is gone"),
        Feed(Slow(bad=17), in_turn(np.arange(64), 4)) as feed,
    ):
        seen.extend(indices[0] for indices, _ in feed)
    assert seen == [0, 4, 8, 12]
    assert running() == []


def test_the_feed_stops_when_the_trainer_does() -> None:
    samples = Slow()
    with contextlib.suppress(KeyboardInterrupt), Feed(samples, in_turn(np.arange(64), 1), ahead=3) as feed:
        next(feed)
        raise KeyboardInterrupt
    assert samples.asked <= 5, "no more than what was under way"
    assert running() == []
    feed.close()
    assert list(feed) == []


def test_a_forgotten_feed_does_not_keep_threads() -> None:
    feed = Feed(Slow(), in_turn(np.arange(64), 1))
    next(feed)
    del feed
    deadline = time.monotonic() + 5
    while running() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert running() == []
