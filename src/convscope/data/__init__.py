"""Labelled pictures for training: from folders and arrays, split, ordered, augmented, fed.

::

    folder ──► listing ──► folder (decode, cache) ─┐                 ┌─► splitting   training and validation
    arrays ────────────────────────────────────────┴──► Samples ─────┼─► order       batches of an epoch
                                                                     └─► feed        made ahead ──► augment
"""

from convscope.data.augment import Augment as Augment
from convscope.data.feed import Feed as Feed
from convscope.data.order import batches as batches
from convscope.data.order import in_turn as in_turn
from convscope.data.samples import ArraySamples as ArraySamples
from convscope.data.samples import Samples as Samples
from convscope.data.splitting import Split as Split
