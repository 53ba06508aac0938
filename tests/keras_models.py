"""Small Keras networks, each for what it does to a reader: the questions of ``keras_running.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Make = Callable[[Any, Any], Any]
MODELS: dict[str, Make] = {}


def network(make: Make) -> Make:
    MODELS[make.__name__] = make
    return make


@network
def plain(k: Any, n: Any) -> Any:
    """What a tutorial writes."""
    return k.Sequential(
        [
            k.Input((12, 10, 3)),
            n.Rescaling(1 / 255),
            n.RandomFlip(),
            n.Conv2D(4, 3, padding="same", strides=2, activation="relu"),
            n.BatchNormalization(),
            n.MaxPooling2D(),
            n.Conv2D(5, 3, padding="same", activation="relu"),
            n.Flatten(),
            n.Dropout(0.5),
            n.Dense(6, activation="relu"),
            n.Dense(4, activation="softmax"),
        ]
    )


@network
def windows(k: Any, n: Any) -> Any:
    """Convolutions in every padding."""
    x = k.Input((9, 10, 3), name="photo")
    four = n.Conv2D(4, 3, padding="same", strides=2, activation="relu", name="strided")(x)
    layers = [
        n.Conv2D(4, (2, 3), padding="same", dilation_rate=(2, 1), name="dilated"),
        n.Conv2D(2, (4, 2), padding="same", name="even"),
        n.Conv2D(3, (5, 3), strides=(3, 2), padding="same", name="large"),
        n.DepthwiseConv2D(3, strides=2, depth_multiplier=2, padding="same", activation="elu", name="deep"),
        n.DepthwiseConv2D(3, dilation_rate=2, name="deep_dilated"),
        n.SeparableConv2D(5, 3, strides=2, depth_multiplier=2, padding="same", activation="swish", name="separable"),
        n.SeparableConv2D(2, (2, 3), use_bias=False, name="separable_plain"),
        n.Conv2DTranspose(4, 3, strides=2, padding="same", name="spread"),
        n.Conv2DTranspose(2, (2, 3), strides=3, activation="relu", name="spread_gaps"),
        n.Conv2DTranspose(2, (4, 5), strides=(2, 1), padding="same", name="spread_even"),
        n.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=1, name="spread_more"),
        n.Conv2DTranspose(2, 3, dilation_rate=2, padding="same", name="spread_dilated"),
        n.Dense(5, activation="tanh", name="on_map"),
    ]
    return k.Model(x, [n.Conv2D(6, 3, groups=2, use_bias=False, name="groups")(four), *(one(x) for one in layers)])


@network
def pools(k: Any, n: Any) -> Any:
    """Pooling in every padding, and what moves numbers."""
    x = k.Input((9, 10, 3))
    layers = [
        n.MaxPooling2D(2, padding="same", name="max_same"),
        n.MaxPooling2D(3, strides=1, padding="same", name="max_dense"),
        n.MaxPooling2D((2, 3), strides=(3, 1), name="max_gaps"),
        n.MaxPooling2D(4, strides=1, padding="same", name="max_even"),
        n.AveragePooling2D(2, padding="same", name="avg_same"),
        n.AveragePooling2D(2, strides=1, padding="same", name="avg_dense"),
        n.AveragePooling2D(3, strides=2, padding="same", name="avg_odd"),
        n.AveragePooling2D((3, 2), name="avg"),
        n.GlobalAveragePooling2D(name="gap"),
        n.GlobalAveragePooling2D(keepdims=True, name="gap_kept"),
        n.GlobalMaxPooling2D(name="gmp"),
        n.UpSampling2D((2, 3), name="nearest"),
        n.UpSampling2D(2, interpolation="bilinear", name="bilinear"),
        n.ZeroPadding2D(((1, 2), (0, 3)), name="padded"),
        n.Cropping2D(((1, 2), (0, 3)), name="cropped"),
        n.Resizing(5, 7, name="resized"),
        n.Resizing(13, 15, interpolation="nearest", name="resized_nearest"),
        n.CenterCrop(4, 6, name="centre"),
        n.Permute((2, 1, 3), name="turned"),
        n.Permute((3, 1, 2), name="turned_more"),
        n.Reshape((30, 9), name="two_axes"),
        n.Reshape((5, 6, 9), name="other_map"),
        n.Reshape((-1,), name="flat"),
        n.SpatialDropout2D(0.3, name="drop"),
    ]
    return k.Model(x, [one(x) for one in layers])


@network
def activations(k: Any, n: Any) -> Any:
    x = k.Input((3, 4, 3))
    names = (
        *("relu", "relu6", "elu", "selu", "celu", "gelu", "silu", "sigmoid", "hard_sigmoid", "hard_silu", "tanh"),
        *("hard_tanh", "softplus", "softsign", "softmax", "log_softmax", "log_sigmoid", "exponential", "mish"),
        *("tanh_shrink", "soft_shrink", "hard_shrink", "squareplus", "leaky_relu", "sparse_sigmoid", "linear"),
    )
    layers = [n.Activation(name, name=f"the_{name}") for name in names]
    layers += [
        n.ReLU(name="r"),
        n.ReLU(max_value=6.0, name="r6"),
        n.ReLU(max_value=1.5, name="r_most"),
        n.ReLU(negative_slope=0.2, name="r_slope"),
        n.ReLU(2.0, 0.1, 0.3, name="r_all"),
        n.LeakyReLU(0.4, name="leaky"),
        n.ELU(0.7, name="e"),
        n.PReLU(shared_axes=[1, 2], name="p"),
        n.Softmax(name="s"),
        n.Softmax(axis=1, name="s_rows"),
        n.Conv2D(2, 1, activation=n.LeakyReLU(0.3), name="inside"),
    ]
    return k.Model(x, [layer(x) for layer in layers])


@network
def norms(k: Any, n: Any) -> Any:
    x = k.Input((4, 5, 3))
    scaled = n.Rescaling(1 / 127.5, offset=-1.0, name="scaled")(x)
    layers = [
        n.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.5, 0.0, 2.0], name="fixed"),
        n.Normalization(name="fitted"),
        n.BatchNormalization(name="bn"),
        n.BatchNormalization(scale=False, name="bn_shift"),
        n.BatchNormalization(center=False, epsilon=0.1, name="bn_scale"),
        n.BatchNormalization(center=False, scale=False, name="bn_bare"),
        n.LayerNormalization(name="ln"),
        n.LayerNormalization(scale=False, name="ln_shift"),
        n.GroupNormalization(3, name="gn"),
        n.GroupNormalization(1, name="gn_one"),
        n.UnitNormalization(name="unit"),
        n.Rescaling([1.0, 2.0, 3.0], offset=[0.0, 1.0, 0.5], name="each"),
    ]
    return k.Model(x, [layer(scaled) for layer in layers])


@network
def joins(k: Any, n: Any) -> Any:
    x = k.Input((4, 6, 3))
    a, b = n.Conv2D(4, 3, padding="same", name="a")(x), n.Conv2D(4, 1, name="b")(x)
    squeezed = n.GlobalAveragePooling2D(name="gap")(a)
    gate = n.Dense(4, activation="sigmoid", name="gate")(n.Reshape((1, 1, 4), name="as_map")(squeezed))
    return k.Model(
        x,
        [
            n.Add(name="added")([a, b, a]),
            n.Subtract(name="less")([a, b]),
            n.Multiply(name="gated")([a, gate]),
            n.Multiply(name="by_vector")([squeezed, a]),
            n.Average(name="averaged")([a, b]),
            n.Maximum(name="largest")([a, b]),
            n.Minimum(name="smallest")([a, b]),
            n.Concatenate(name="channels")([a, b]),
            n.Concatenate(axis=1, name="rows")([a, b]),
            a * 2.0 + 1.0,
            1.0 - a,
            a / np.array([1.0, 2.0, 3.0, 4.0], np.float32),
            k.ops.relu(b),
            k.ops.mean(a, axis=(1, 2)),
        ],
    )


@network
def flattened(k: Any, n: Any) -> Any:
    """Every way in which the order of a flattened map is felt."""
    x = k.Input((4, 3, 3))
    a, b = n.Conv2D(2, 1, name="a")(x), n.Conv2D(3, 2, name="b")(x)
    first, second = n.Flatten(name="first")(a), n.Flatten(name="second")(b)
    normed = n.ReLU(name="relu")(n.BatchNormalization(name="norm")(first))
    both = n.Concatenate(name="both")([normed, second])
    vector = n.Dense(12, name="vector")(first)
    return k.Model(
        x,
        [
            n.Dense(3, name="dense")(n.Dropout(0.1, name="drop")(normed)),
            n.Dense(3, name="dense_both")(both),
            first,
            both,
            n.Reshape((2, 3, 4), name="again")(first),
            n.Conv2D(2, 1, name="conv")(n.Reshape((2, 3, 2), name="made")(vector)),
            n.Softmax(name="soft")(second),
            n.Add(name="sum")([first, n.Dense(24, name="side")(first)]),
        ],
    )


@network
def shared(k: Any, n: Any) -> Any:
    """Layers and networks that are called twice, networks within networks, two inputs, two outputs."""
    inner = k.Sequential(
        [k.Input((None, None, 4)), n.Conv2D(4, 3, padding="same", activation="relu", name="conv")], name="inner"
    )
    y = k.Input((6, 6, 4))
    block = k.Model(y, [n.Add(name="add")([inner(y), y]), n.Conv2D(2, 1, name="side")(y)], name="block")
    x, z = k.Input((6, 6, 3), name="left"), k.Input((6, 6, 3), name="right")
    augment = k.Sequential([n.RandomRotation(0.1), n.Rescaling(1 / 255)], name="augment")
    conv = n.Conv2D(4, 3, padding="same", name="twice")
    first, second = block(conv(augment(x))), block(conv(augment(z)))
    deep = inner(n.MaxPooling2D(name="pool")(first[0]))
    return k.Model([x, z], {"sum": n.Add(name="sum")([first[0], second[0]]), "side": second[1], "deep": deep})


@network
def channels_first(k: Any, n: Any) -> Any:
    told = {"data_format": "channels_first"}
    return k.Sequential(
        [
            k.Input((3, 8, 6)),
            n.Conv2D(4, 3, strides=2, padding="same", activation="relu", **told),
            n.BatchNormalization(axis=1),
            n.MaxPooling2D(**told),
            n.Flatten(**told),
            n.Dense(3),
        ]
    )


@network
def rows_and_columns(k: Any, n: Any) -> Any:
    """A grey picture without an axis for its channel."""
    return k.Sequential([k.Input((6, 5)), n.Rescaling(1 / 255), n.Flatten(), n.Dense(4, activation="relu"), n.Dense(2)])


@network
def grey_map(k: Any, n: Any) -> Any:
    return k.Sequential([k.Input((6, 5)), n.Reshape((6, 5, 1)), n.Conv2D(3, 3, name="conv"), n.GlobalMaxPooling2D()])


@network
def vector(k: Any, n: Any) -> Any:
    return k.Sequential([k.Input((75,)), n.Dense(4, activation="relu"), n.Dense(2, activation="softmax")])


@network
def open_size(k: Any, n: Any) -> Any:
    x = k.Input((None, None, 3))
    made = n.Conv2D(4, 3, strides=2, padding="same", name="conv")(x)
    return k.Model(x, n.Dense(2, name="dense")(n.GlobalAveragePooling2D(name="gap")(made)))


@network
def sixteen_bits(k: Any, n: Any) -> Any:
    told = {"dtype": "mixed_bfloat16"}
    return k.Sequential([k.Input((6, 5, 3)), n.Conv2D(4, 3, **told), n.Flatten(**told), n.Dense(3, **told)])
