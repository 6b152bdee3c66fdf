# SPDX-License-Identifier: GPL-3.0-or-later
"""Make ``docs/EDITS.md``: every edit of the engine ``warp`` on the demo's portrait.

``make edit-pages``
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402

from bridge.edits import EDITS, GROUPS  # noqa: E402
from demo.__main__ import default_photo  # noqa: E402
from demo.contact_sheet import closeup  # noqa: E402
from heat_backend.media.photo import load_photo  # noqa: E402
from tools.measures.edit_sheet import SHARE, draw_page  # noqa: E402
from tools.measures.tracking import warp_portrait  # noqa: E402

DOCS = ROOT / "docs"
SIZE = 1024
WIDTH = 1200
QUALITY = 85
FACE = 0.66  # of the demo's close-up
TITLES = {"shape": "Shape", "texture": "Skin, hair, eyes and mouth", "light": "Light"}
ONE = {
    "standard deviations": "a standard deviation of faces",
    "steps": "a step",
    "degrees": "a degree",
    "of the photo's": "as much again as the photo has",
}
SHARES = (-SHARE, 0.0, SHARE)
OPENING = """# Every edit, before and after

Made by `make edit-pages` from the demo's own portrait, a photo of NASA in the public domain. Each
edit is shown alone: a value below 0, the photo, a value above 0. All can be mixed and keyed.
"""


def face_box(picture: Image.Image) -> tuple[int, int, int, int]:
    """Return the square that the face fills with some hair and neck, by the demo's close-up."""
    left, top, right, bottom = closeup(picture)
    across, down = (left + right) / 2.0, (top + bottom) / 2.0
    half = FACE * (right - left) / 2.0
    box = (across - half, down - half, across + half, down + half)
    return tuple(round(edge) for edge in box)  # type: ignore[return-value]


def told(group: str) -> list[str]:
    """Lines of the page on one group: its picture, then what each edit does."""
    lines = [f"## {TITLES[group]}", "", f"![{TITLES[group]}](edits_{group}.jpg)", ""]
    lines += ["| edit | a higher value gives | range | 1 is |", "| --- | --- | --- | --- |"]
    for edit in EDITS:
        if edit.group == group and not edit.raw:
            one = ONE.get(edit.unit, edit.unit)
            bounds = f"{edit.low:g} to {edit.high:g}"
            lines.append(f"| `{edit.name}` | {edit.meaning} | {bounds} | {one} |")
    return [*lines, ""]


def main() -> int:
    """Write the page and its pictures."""
    with tempfile.TemporaryDirectory() as folder:
        photo = load_photo(default_photo(Path(folder)))
    portrait = warp_portrait(photo, SIZE)
    whole = Image.fromarray(photo.pixels).resize((portrait.width, portrait.height))
    lines = [OPENING]
    for group in GROUPS:
        page = Image.fromarray(draw_page(portrait, face_box(whole), group, shares=SHARES))
        if page.width > WIDTH:
            page = page.resize((WIDTH, page.height * WIDTH // page.width), Image.Resampling.LANCZOS)
        page.save(DOCS / f"edits_{group}.jpg", quality=QUALITY, optimize=True)
        lines += told(group)
    (DOCS / "EDITS.md").write_text("\n".join(lines).rstrip() + "\n", "utf-8")
    print("docs/EDITS.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
