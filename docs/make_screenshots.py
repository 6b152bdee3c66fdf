# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the pictures of the README: the panel and overlay in a real Blender, the contact sheet.

``make screenshots BLENDER=path``; the contact sheet is the one that ``make demo`` left in out/.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402

import build_addon  # noqa: E402
from demo.__main__ import default_photo  # noqa: E402
from tests.gui import window  # noqa: E402

DOCS = ROOT / "docs"
STORIES = {"screenshots": ("preview", "render"), "edits": ("edited",)}
"""Stories of ``tests/gui``, and the pictures that they leave."""


def shrink(source: Path, target: Path, width: int) -> None:
    """Save a smaller copy, for a README."""
    with Image.open(source) as picture:
        height = round(picture.height * width / picture.width)
        small = picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    small.save(target, optimize=True)
    print(f"{target.relative_to(ROOT)} ({target.stat().st_size / 1e3:.0f} kB)")


def main() -> int:
    """Take the pictures; 0 done, 1 with a line that says why not."""
    blender = window.find_blender()
    if isinstance(blender, str):
        print(f"error: {blender}", file=sys.stderr)
        return 1
    inputs = window.fresh_folder("inputs")
    given = {"zip": str(build_addon.build(inputs)), "photo": str(default_photo(inputs))}
    for story, names in STORIES.items():
        told = window.tell(blender, story, {**given, "python": sys.executable})
        if told.status != 0:
            print(told.findings.get("error", told.log[-3000:]), file=sys.stderr)
            return 1
        for name in names:
            shrink(told.folder / f"{name}.png", DOCS / f"{name}.png", 1100)
    sheet = ROOT / "out" / "contact_sheet.png"
    if sheet.is_file():
        shrink(sheet, DOCS / "contact_sheet.png", 1000)
    return 0


if __name__ == "__main__":
    sys.exit(main())
