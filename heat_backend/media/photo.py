# SPDX-License-Identifier: GPL-3.0-or-later
"""Decodes photos of any common kind to upright 8-bit sRGB, in strips: a huge one is never copied.

Rotation, alpha, bit depth, colour mode and embedded profile are brought to one form, with a note
for whatever was done; a file that cannot be used is refused with one line that says why.
"""

from __future__ import annotations

import hashlib
import io
import math
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from bridge.errors import BadInput

# Only plain pixel formats: Pillow would start other programs for some of the rest (EPS).
# Phones' MPO opens as JPEG.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "TGA", "JPEG2000", "AVIF")
FORMATS_ADVICE = "save it as JPEG or PNG and try again"

# Beyond this long side a face gains nothing and every layer of the portrait costs memory.
MAX_SIDE = 4096
# A decoder without partial loading holds the whole picture: 300 MP RGBA is 1.2 GB.
MAX_PIXELS = 300_000_000
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # Pillow refuses twice as many


@dataclass(frozen=True)
class Photo:
    """A decoded still picture.

    Attributes
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
        sRGB, upright (EXIF rotation applied), row 0 at the top.
    name : str
        File name without its folder, for messages.
    notes : tuple of str
        What had to be done to the picture that a user should know.
    """

    pixels: NDArray[np.uint8]
    name: str = "photo"
    notes: tuple[str, ...] = ()

    @cached_property
    def _pixel_hash(self) -> hashlib._Hash:
        return hashlib.sha256(np.ascontiguousarray(self.pixels).data)

    def digest_with(self, more: str) -> str:
        """Identify the picture, whatever its file, and ``more``: 32 hexadecimal digits.

        The pixels are hashed once, however many such digests are asked for.
        """
        digest = self._pixel_hash.copy()
        digest.update(more.encode())
        return digest.hexdigest()[:32]

    @property
    def digest(self) -> str:
        """Identity of the picture, whatever its file: 32 hexadecimal digits."""
        return self.digest_with(repr(self.pixels.shape))


def load_photo(path: str | Path, max_side: int | None = None) -> Photo:
    """Read a photo as upright 8-bit sRGB.

    Parameters
    ----------
    path : path
        JPEG, PNG (8 or 16 bit), WebP, TIFF, BMP, GIF and the like.
    max_side : int, optional
        A picture with a longer side is reduced to it while loading; at most and by default
        :data:`MAX_SIDE` pixels.

    Returns
    -------
    Photo
        Pixels (H, W, 3) uint8, with a note for each thing done that a user should know.

    Raises
    ------
    BadInput
        When the file is missing, unreadable, no picture, damaged or far too large.
    """
    path = Path(path)
    _check_file(path)
    limit = min(max_side or MAX_SIDE, MAX_SIDE)
    with warnings.catch_warnings():
        # The size is judged here; Pillow's own warnings would reach the user as noise.
        warnings.simplefilter("ignore")
        Image.init()
        formats = [name for name in FORMATS if name in Image.OPEN]  # a build may lack AVIF
        try:
            with Image.open(path, formats=formats) as image:
                pixels, notes = _decode(image, path.name, limit)
        except UnidentifiedImageError:
            raise BadInput(
                f"{path.name} is not a picture that Heat can read: {FORMATS_ADVICE}"
            ) from None
        except Image.DecompressionBombError:
            raise BadInput(_too_large(path.name)) from None
        except MemoryError:
            raise BadInput(
                f"not enough memory to open {path.name}: make the picture smaller"
            ) from None
        except BadInput:
            raise
        except Exception as error:  # Pillow's readers fail in many ways on damaged files
            raise BadInput(
                f"{path.name} is damaged or incomplete ({_reason(error)}): "
                "copy or export the picture again"
            ) from error
    return Photo(pixels=pixels, name=path.name, notes=tuple(notes))


def from_rgba(array: NDArray[np.uint8], name: str = "photo") -> Photo:
    """Make a photo of pixels that are already in memory.

    Parameters
    ----------
    array : ndarray, shape (H, W, 3) or (H, W, 4), uint8
        sRGB, row 0 at the top, alpha not premultiplied.
    name : str
        How messages call it.

    Raises
    ------
    BadInput
        When the array has another shape or type, or is far too large.
    """
    array = np.asarray(array)
    if array.ndim != 3 or array.shape[2] not in (3, 4) or 0 in array.shape:
        raise BadInput(f"{name} must have shape (H, W, 3) or (H, W, 4), not {array.shape}")
    if array.dtype != np.uint8:
        raise BadInput(f"{name} must hold uint8 values, not {array.dtype}")
    if array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise BadInput(_too_large(name))
    image = Image.fromarray(np.ascontiguousarray(array))
    pixels, notes = _decode(image, name, MAX_SIDE)
    return Photo(pixels=pixels, name=name, notes=tuple(notes))


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise BadInput(f"{path} is a folder: name the picture file in it")
        if not path.exists():
            raise BadInput(f"there is no file {path}: check the name and the folder")
        if not path.is_file():
            raise BadInput(f"{path} is not a regular file: name a picture file")
        if path.stat().st_size == 0:
            raise BadInput(f"{path.name} is empty (0 bytes): copy or export the picture again")
        with path.open("rb"):
            pass
    except PermissionError:
        raise BadInput(f"no permission to read {path}: change the file's permissions") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read {path}: {_reason(error)}") from None


def _decode(image: Image.Image, name: str, limit: int) -> tuple[NDArray[np.uint8], list[str]]:
    notes: list[str] = []
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise BadInput(_too_large(name))
    # The JPEG decoder can leave out detail at 1/2, 1/4 or 1/8, before any memory is taken.
    if image.format in ("JPEG", "MPO"):
        image.draft(None, (min(width, limit), min(height, limit)))
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        notes.append(f"{name} holds several pictures: the first is used")
    profile = find_profile(image)
    orientation = _orientation(image)
    image.load()
    rgb = reduced_rgb(image, limit, profile, notes)
    rgb = to_srgb(rgb, profile, notes) if profile is not None and rgb.mode == "RGB" else rgb
    scale = limit / max(rgb.size)
    if scale < 1:
        size = (max(1, round(rgb.width * scale)), max(1, round(rgb.height * scale)))
        rgb = rgb.resize(size, Image.Resampling.LANCZOS)
    if rgb.size != (width, height):
        notes.append(
            f"{name} was reduced from {width} x {height} to {rgb.width} x {rgb.height} pixels"
        )
    if orientation is not None:
        rgb = rgb.transpose(orientation)
    return np.array(rgb, dtype=np.uint8), notes


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_EXIF_ORIENTATION = 0x0112


def _orientation(image: Image.Image) -> Image.Transpose | None:
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # damaged EXIF must not cost the user the picture
        return None
    return _TURNS.get(value)


def _too_large(name: str) -> str:
    side = math.isqrt(MAX_PIXELS) // 1000 * 1000
    return f"{name} is too large to open safely: reduce it below {side} x {side} pixels"


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    text = str(error).splitlines()
    return text[0][:120] if text and text[0] else type(error).__name__


BACKGROUND = (255, 255, 255)
_STRIP_PIXELS = 8_000_000


def reduced_rgb(
    image: Image.Image,
    limit: int,
    profile: ImageCms.ImageCmsProfile | None,
    notes: list[str],
) -> Image.Image:
    """Flatten to RGB and shrink by the whole factor that leaves the long side above ``limit``.

    Parameters
    ----------
    image : Image
        Decoded, any mode.
    limit : int
        Long side wanted, pixels; the result is less than twice as long.
    profile : profile or None
        Grey and CMYK pixels are brought to sRGB here; RGB keeps its space for the caller.
    notes : list of str
        Gets a note when transparency was filled or a profile did not fit.
    """
    factor = max(1, max(image.size) // limit)
    width, height = image.size
    value_range = _value_range(image)
    fill = _has_transparency(image)
    if factor == 1 and image.mode == "RGB" and not fill:
        return image
    rows = max(factor, _STRIP_PIXELS // width // factor * factor)
    whole = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    opaque = True
    strip_notes: list[str] = []
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(height, top + rows)))
        if fill:
            strip, strip_opaque = _flatten(strip)
            opaque &= strip_opaque
        rgb = _strip_to_rgb(strip, profile, value_range, strip_notes)
        whole.paste(rgb.reduce(factor) if factor > 1 else rgb, (0, top // factor))
    if not opaque:
        notes.append("the transparent background was filled with white")
    notes.extend(dict.fromkeys(strip_notes))
    return whole


def _has_transparency(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info


def _flatten(strip: Image.Image) -> tuple[Image.Image, bool]:
    rgba = strip.convert("RGBA")
    alpha = rgba.getchannel("A")
    opaque = alpha.getextrema()[0] == 255
    flat = Image.new("RGB", rgba.size, BACKGROUND)
    flat.paste(rgba.convert("RGB"), mask=alpha)
    return flat, opaque


def _strip_to_rgb(
    strip: Image.Image,
    profile: ImageCms.ImageCmsProfile | None,
    value_range: float,
    notes: list[str],
) -> Image.Image:
    if strip.mode.startswith("I") or strip.mode == "F":
        values = np.nan_to_num(np.asarray(strip, dtype=np.float32), nan=0.0) * (255.0 / value_range)
        strip = Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    if strip.mode in ("1", "LA"):
        strip = strip.convert("L")
    if profile is not None and strip.mode in ("L", "CMYK"):
        wanted = {"L": "GRAY", "CMYK": "CMYK"}[strip.mode]
        if profile_space(profile) == wanted:
            return to_srgb(strip, profile, notes)
    return strip.convert("RGB")


def _value_range(image: Image.Image) -> float:
    """Return the value of white in a picture of more than 8 bits."""
    if image.mode.startswith("I;16"):
        return 65535.0
    if image.mode not in ("I", "F"):
        return 255.0
    highest = float(np.nan_to_num(np.asarray(image.getextrema(), dtype=np.float64)).max())
    steps = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
    return next((step for step in steps if highest <= step), max(highest, 1.0))


def find_profile(image: Image.Image) -> ImageCms.ImageCmsProfile | None:
    """Return the embedded ICC profile; None when it is missing, unreadable or sRGB itself."""
    data = image.info.get("icc_profile")
    if not data:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        description = ImageCms.getProfileDescription(profile)
    except (OSError, ImageCms.PyCMSError, ValueError, TypeError):
        return None
    # A trip from sRGB to sRGB would only round the values.
    return None if "srgb" in description.lower().replace(" ", "") else profile


def profile_space(profile: ImageCms.ImageCmsProfile) -> str:
    """Colour space of the profile's pixels, such as ``"RGB"``, ``"GRAY"`` or ``"CMYK"``."""
    return str(profile.profile.xcolor_space).strip()


def to_srgb(image: Image.Image, profile: ImageCms.ImageCmsProfile, notes: list[str]) -> Image.Image:
    """Convert an L, RGB or CMYK picture to RGB in sRGB through its profile.

    A profile that does not fit the picture is left out, with a line in ``notes``.
    """
    expected = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}.get(image.mode)
    try:
        if profile_space(profile) != expected:
            raise ValueError("profile of another colour space")
        converted = ImageCms.profileToProfile(
            image,
            profile,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, ValueError, OSError):
        notes.append("the embedded colour profile could not be used; sRGB was assumed")
        return image.convert("RGB")
    assert converted is not None
    return converted
