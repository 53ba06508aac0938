"""The report as one HTML file, for people: no script, nothing from elsewhere, light and dark."""

from __future__ import annotations

import html
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise

from convscope.doctor.charts import bars
from convscope.doctor.checkup import Checkup, Same
from convscope.doctor.findings import KINDS, Finding, Level
from convscope.doctor.quarantine import Outcome
from convscope.doctor.report import sizes
from convscope.doctor.style import STYLE
from convscope.doctor.thumbs import GROUPS, PER_GROUP, PER_KIND
from convscope.image.picture import printable

_NAMES, _CLASSES = 200, 40
_HEADINGS = {
    Level.PROBLEM: ("Problems", "Training cannot use these files, or would learn something false from them."),
    Level.DOUBT: ("Doubts", "These can be used. Look at them and decide; nothing here is ever moved for you."),
    Level.REMARK: ("Remarks", "All fine. Said so that nothing surprises you."),
}
_COPIES = ("duplicate", "duplicate-across-classes")


def page(checkup: Checkup, outcome: Outcome | None, pictures: Mapping[str, str]) -> str:
    """The whole file.

    Args:
        checkup: what was found.
        outcome: what was moved, if anything was asked to be.
        pictures: by file, its picture as an HTML element, from :func:`~convscope.doctor.thumbs.thumbs`.

    >>> from pathlib import Path
    >>> page(Checkup(Path("/photos/<pets>")), None, {}).count("&lt;pets&gt;") > 0
    True
    """
    name = _text(checkup.root.name or str(checkup.root))
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">"
        f"<title>Doctor's report on {name}</title><style>{STYLE}</style></head><body><main>\n"
        f"<h1>{name}</h1>{_summary(checkup, outcome)}\n"
        f"{''.join(_sections(checkup, pictures))}{_balance(checkup)}{_sizes(checkup)}{_jfif(checkup)}"
        "<footer>Written by <code>convscope doctor</code>, which changes nothing on its own.</footer>"
        "</main></body></html>\n"
    )


def _text(text: str, longest: int = 400) -> str:
    return html.escape(printable(text, longest))


def _files(count: int) -> str:
    return f"{count:,} file{'s' * (count != 1)}"


def _summary(checkup: Checkup, outcome: Outcome | None) -> str:
    counts = {level: len(checkup.of_level(level)) for level in Level}
    tiles = [
        ("photos can be used", checkup.photos, "good"),
        *((_many(level, n), n, level) for level, n in counts.items()),
    ]
    boxes = "".join(f'<li class="{kind}"><b>{count:,}</b> {label}</li>' for label, count, kind in tiles)
    read = f'<p class="sub">{_files(checkup.files)} read to the end</p>'
    return f'{read}<ul class="tiles">{boxes}</ul>{_next(checkup, outcome)}'


def _many(level: Level, count: int) -> str:
    return f"{level.value}{'s' * (count != 1)}"


def _next(checkup: Checkup, outcome: Outcome | None) -> str:
    folder = _text(shlex.quote(str(checkup.root)))
    if outcome is not None and (outcome.moved or outcome.left):
        left = "".join(f"<li><code>{_text(file)}</code>: {_text(why)}</li>" for file, why in outcome.left)
        stayed = f"<p>These stayed:</p><ul>{left}</ul>" if left else ""
        return (
            f"<p>{_files(len(outcome.moved))} moved to <code>{_text(str(outcome.quarantine))}</code>. "
            f"Everything comes back with <code>convscope doctor {folder} <b>--undo</b></code>.</p>{stayed}"
        )
    if checkup.of_level(Level.PROBLEM):
        return (
            f"<p>Nothing was changed. <code>convscope doctor {folder} --fix quarantine</code> moves the files with "
            "problems out of the way, and <code><b>--undo</b></code> brings them back.</p>"
        )
    return "<p>Nothing stands in the way of training.</p>"


def _sections(checkup: Checkup, pictures: Mapping[str, str]) -> Iterator[str]:
    for level, (heading, meaning) in _HEADINGS.items():
        findings = checkup.of_level(level)
        if not findings:
            continue
        yield f'<section class="{level.value}"><h2>{heading}</h2><p class="sub">{meaning}</p>'
        for kind, found in groupby(findings, key=lambda finding: finding.kind):
            yield _kind(kind, list(found), checkup, pictures, is_open=level is not Level.REMARK)
        yield "</section>\n"


def _kind(kind: str, found: Sequence[Finding], checkup: Checkup, pictures: Mapping[str, str], *, is_open: bool) -> str:
    if kind in _COPIES:
        groups = [same for same in checkup.duplicates if same.across is (kind != "duplicate")]
        inner = _groups(groups, pictures)
    elif kind == "near-duplicate":
        inner = _groups(checkup.near, pictures)
    else:
        inner = _cards(found, pictures) + _names(found[PER_KIND:])
    about = KINDS[kind]
    return (
        f"<details{' open' * is_open}><summary><h3>{about.title}</h3> <span>{len(found):,}</span></summary>"
        f"<p>{html.escape(about.meaning)}</p>{inner}</details>"
    )


def _cards(found: Sequence[Finding], pictures: Mapping[str, str]) -> str:
    return f'<div class="cards">{"".join(_card(one.file, one.why, pictures) for one in found[:PER_KIND])}</div>'


def _card(file: str, why: str, pictures: Mapping[str, str]) -> str:
    ending = file.rpartition(".")[2][:5] if "." in file else "?"
    picture = pictures.get(file) or (f'<span class="none" aria-hidden="true">{_text(ending)}</span>' if file else "")
    return (
        f"<figure>{picture}<figcaption><b>{_text(file)}</b>"
        f"{'<br>' if file and why else ''}{_text(why)}</figcaption></figure>"
    )


def _groups(groups: Sequence[Same], pictures: Mapping[str, str]) -> str:
    made = []
    for same in groups[:GROUPS]:
        cards = "".join(_card(file, "", pictures) for file in same.files[:PER_GROUP])
        more = f"<p>and {len(same.files) - PER_GROUP:,} more</p>" if len(same.files) > PER_GROUP else ""
        across = " across" if same.across else ""
        made.append(f'<div class="same{across}"><div class="cards">{cards}</div>{more}</div>')
    if len(groups) > GROUPS:
        made.append(f"<p>and {len(groups) - GROUPS:,} more groups: see report.json</p>")
    return "".join(made)


def _names(found: Sequence[Finding]) -> str:
    if not found:
        return ""
    items = "".join(f"<li><code>{_text(one.file)}</code> {_text(one.why)}</li>" for one in found[:_NAMES])
    more = f"<p>and {len(found) - _NAMES:,} more: see report.json</p>" if len(found) > _NAMES else ""
    return f'<ul class="names">{items}</ul>{more}'


def _balance(checkup: Checkup) -> str:
    rows = sorted(checkup.classes.items(), key=lambda row: (-row[1], row[0]))
    if not rows:
        return ""
    labelled = [(printable(name) or "(no class)", photos) for name, photos in rows[:_CLASSES]]
    more = f"<p>and {len(rows) - _CLASSES:,} smaller classes: see report.json</p>" if len(rows) > _CLASSES else ""
    return (
        f"<section><h2>Classes</h2><p class='sub'>Photos that can be used, by class.</p>"
        f"{bars(labelled, 'photos by class')}{more}</section>\n"
    )


def _sizes(checkup: Checkup) -> str:
    if not len(checkup.sizes):
        return ""
    found = sizes(checkup.sizes)
    starts = [part["from"] for part in found["shorter_side"]]
    labels = [f"{a} to {b - 1} px" for a, b in pairwise(starts)] + [f"{starts[-1]} px or more"]
    labels[0] = f"under {starts[1]} px"
    rows = [(label, part["photos"]) for label, part in zip(labels, found["shorter_side"], strict=True)]
    used = [place for place, (_, count) in enumerate(rows) if count]
    told = ", ".join(
        f"{name} {values['min']:,} to {values['max']:,}, half under {values['median']:,}"
        for name, values in found.items()
        if name != "shorter_side"
    )
    return (
        f"<section><h2>Sizes</h2><p class='sub'>Shorter side of the photos, upright. In pixels: {told}.</p>"
        f"{bars(rows[used[0] : used[-1] + 1], 'photos by shorter side')}</section>\n"
    )


def _jfif(checkup: Checkup) -> str:
    good, broken = (len(files) for files in (checkup.jfif.good_deleted, checkup.jfif.broken_kept))
    items = "".join(
        f"<details><summary>{label}</summary><ul class='names'>"
        f"{''.join(f'<li><code>{_text(file)}</code></li>' for file in files[:_NAMES])}</ul></details>"
        for label, files in (
            ("Good photos it deletes", checkup.jfif.good_deleted),
            ("Broken files it keeps", checkup.jfif.broken_kept),
        )
        if files
    )
    return (
        "<section><h2>What the tutorial's test would have done</h2><p class='sub'>A well-known tutorial deletes every "
        f"file without the letters <code>JFIF</code> in its header. Here it would delete <b>{good:,}</b> good "
        f"photo{'s' * (good != 1)} and keep <b>{broken:,}</b> file{'s' * (broken != 1)} that cannot be opened.</p>"
        f"{items}</section>\n"
    )
