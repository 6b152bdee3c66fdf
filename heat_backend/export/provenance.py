# SPDX-License-Identifier: GPL-3.0-or-later
"""What every picture and movie says about itself: that it is synthetic, and what made it.

The statement stands in plain text, and machine-readable as an XMP packet with the IPTC's
``DigitalSourceType`` (IPTC Photo Metadata Standard, IPTC Extension schema; the terms are those of
the IPTC vocabulary ``digitalsourcetype``). A packet goes into PNG as an ``iTXt`` chunk, into JPEG
as an APP1 segment and into MP4 as a top-level ``uuid`` box (XMP specification, part 3). It is
unsigned: who wants to can remove it.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from bridge.errors import UsageError
from bridge.whole_file import user_file
from heat_backend import __version__
from heat_backend.engines.protocol import COMPOSITE_SYNTHETIC
from heat_backend.export.png import encode_png

_VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# The box type that the XMP specification, part 3, section on ISO base media gives.
_XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_JPEG_QUALITY = 95


@dataclass(frozen=True)
class Provenance:
    """What made a picture or movie.

    Attributes
    ----------
    what : str
        What was done, such as ``"one photo animated"``.
    engine_label : str
        Name and version of the engine; empty where several took part.
    source_type : str
        A term of the IPTC's vocabulary.
    shot : str
        Key of the shot; empty for single pictures.
    """

    what: str
    engine_label: str = ""
    source_type: str = COMPOSITE_SYNTHETIC
    shot: str = ""

    @property
    def statement(self) -> str:
        """The line in plain text."""
        line = f"Synthetic media: {self.what} by Heat {__version__}"
        line += f", engine {self.engine_label}" if self.engine_label else ""
        return line + (f"; shot {self.shot}" if self.shot else "")

    def png_texts(self) -> dict[str, str]:
        """Return keywords and texts of a PNG file."""
        return {
            "Software": f"Heat {__version__}",
            "Comment": self.statement,
            "Synthetic": "true",
            "Engine": self.engine_label,
        }

    def xmp(self) -> bytes:
        """Return the XMP packet, UTF-8."""
        return (
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
            '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description rdf:about=""'
            ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
            ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
            ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
            f" xmp:CreatorTool={quoteattr(f'Heat {__version__}')}"
            f" Iptc4xmpExt:DigitalSourceType={quoteattr(_VOCABULARY + self.source_type)}>"
            '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">'
            f"{escape(self.statement)}"
            "</rdf:li></rdf:Alt></dc:description>"
            "</rdf:Description></rdf:RDF></x:xmpmeta>"
            '<?xpacket end="r"?>'
        ).encode()


def picture_bytes(pixels: NDArray[np.uint8], provenance: Provenance, suffix: str) -> bytes:
    """Encode a picture that says what it is.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3) or (H, W, 4), uint8
        sRGB; an alpha channel is left out.
    provenance : Provenance
    suffix : str
        ``.png``, ``.jpg`` or ``.jpeg``.

    Raises
    ------
    UsageError
        For another suffix.
    """
    if suffix.lower() == ".png":
        return encode_png(pixels, provenance.png_texts(), provenance.xmp())
    if suffix.lower() not in (".jpg", ".jpeg"):
        raise UsageError(f"{suffix or 'no suffix'}: name a file ending in .png or .jpg")
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[..., :3])).save(
        buffer,
        "JPEG",
        quality=_JPEG_QUALITY,
        subsampling=0,
        comment=provenance.statement,
        xmp=provenance.xmp(),
    )
    return buffer.getvalue()


def write_picture(path: Path, pixels: NDArray[np.uint8], provenance: Provenance) -> None:
    """Write a picture, by its suffix as PNG or JPEG, whole or not at all.

    Raises
    ------
    BadInput, UsageError
        It cannot be written there; the suffix is another.
    """
    data = picture_bytes(pixels, provenance, path.suffix)
    with user_file(path) as part:
        part.write_bytes(data)


def append_to_mp4(path: Path, provenance: Provenance) -> None:
    """Add the XMP packet to a finished MP4 file, as its last box: nothing else moves."""
    packet = provenance.xmp()
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", 24 + len(packet), b"uuid") + _XMP_BOX + packet)
