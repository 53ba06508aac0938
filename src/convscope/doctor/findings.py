"""What the doctor may find, and what follows from it: one table for the program, the report and the page of docs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding matters."""

    PROBLEM = "problem"
    """Training cannot use the file, or would learn something false from it; ``--fix quarantine`` moves it."""
    DOUBT = "doubt"
    """Usable; a person should look at it and decide. Never moved."""
    REMARK = "remark"
    """Fine as it is; said so that nobody is surprised. Never moved."""


@dataclass(frozen=True)
class Kind:
    """One row of the table.

    Attributes:
        name: in JSON and in the manifest.
        level: what follows from it.
        title: heading in the report, about one or many files.
        meaning: what it is and what to do, one or two sentences.
        moves: whether ``--fix quarantine`` moves such a file.
    """

    name: str
    level: Level
    title: str
    meaning: str
    moves: bool = False


def _problem(name: str, title: str, meaning: str, *, moves: bool = True) -> Kind:
    return Kind(name, Level.PROBLEM, title, meaning, moves)


def _doubt(name: str, title: str, meaning: str) -> Kind:
    return Kind(name, Level.DOUBT, title, meaning)


def _remark(name: str, title: str, meaning: str) -> Kind:
    return Kind(name, Level.REMARK, title, meaning)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _problem("empty", "Empty files", "The file has no bytes. Copy or download it again."),
        _problem(
            "cut-off",
            "Cut off",
            "The file ends before its picture does, as after a broken download. Copy or download it again.",
        ),
        _problem("damaged", "Damaged", "The bytes are no picture that can be decoded to its last row."),
        _problem(
            "not-an-image",
            "No pictures",
            "The name promises a picture, the content is something else: a web page, a text, an archive.",
        ),
        _problem(
            "unopened-format",
            "Formats that are not opened",
            "A picture, but of a kind that convscope does not read. Save it as JPEG or PNG.",
        ),
        _problem("too-large", "Too large", "More than 50 million pixels or 256 MiB. Shrink it."),
        _problem(
            "unreadable",
            "Unreadable",
            "The system does not hand out the file or folder. Since nobody knows what is in it, it is left in place.",
            moves=False,
        ),
        _problem(
            "duplicate",
            "Surplus copies",
            "The same file, byte for byte, lies in its class more than once. The first by name stays, the others go.",
        ),
        _problem(
            "duplicate-across-classes",
            "One photo, several classes",
            "The same file, byte for byte, lies in different classes. At most one label can be right and nobody "
            "knows which, so all copies go; put one back where it belongs.",
        ),
        _doubt(
            "near-duplicate",
            "Nearly the same photo",
            "The same photo, saved, resized, brightened or cropped a little differently. If one of them is "
            "trained on and another is tested on, the test says nothing.",
        ),
        _doubt("too-small", "Very small", "A side is shorter than 32 pixels: hardly a photo."),
        _doubt("extreme-shape", "Very long or very tall", "One side is over 5 times the other; resizing squashes it."),
        _doubt("one-colour", "Of one colour", "There is hardly anything in the picture but one colour."),
        _doubt("imbalance", "Classes of unequal size", "The largest has over 1.5 times the photos of the smallest."),
        _doubt("one-class", "One class only", "Nothing is to be told apart. A class is a folder of photos in FOLDER."),
        _doubt("class-without-photos", "Classes without a photo", "The folder holds no photo that can be used."),
        _remark("wrong-extension", "Named as another format", "The content counts, not the name."),
        _remark("animated", "Several frames", "The first frame is taken."),
        _remark("rotated", "Stored turned", "Turned upright by the orientation that the camera noted."),
        _remark("cmyk", "CMYK", "Colours for printing; converted."),
        _remark("sixteen-bit", "More than 8 bits a colour", "Brought to 8 bits."),
        _remark("transparent", "Transparent parts", "Laid over white."),
        _remark("greyscale", "Greyscale", "Grey becomes three equal channels."),
        _remark("colours", "Other colours", "Converted to sRGB, the colours of the web."),
        _remark("outside-classes", "Photos outside the class folders", "They lie in FOLDER itself and have no label."),
        _remark("other-file", "Other files", "Neither by name nor by content a picture; left alone."),
        _remark("hidden", "Hidden files and those of the system", "Left alone and not looked into."),
        _remark("link", "Links", "Not followed here. Training takes links to photos in FOLDER, and no others."),
        _remark("special", "Pipes, sockets, devices", "No files; left alone."),
    )
}
"""Every kind of finding by name, the most serious first. Reports keep this order."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        kind: name of its kind in :data:`KINDS`.
        file: path relative to the folder; empty when it is about the folder as a whole.
        why: one sentence or a few words on this file.
    """

    kind: str
    file: str
    why: str

    @property
    def level(self) -> Level:
        """How much it matters.

        >>> Finding("cut-off", "cat/1.jpg", "it ends early").level.value
        'problem'
        """
        return KINDS[self.kind].level
