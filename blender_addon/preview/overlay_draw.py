# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the live frames over the 3D viewport.

A frame goes to the graphics card packed, one float a pixel (see `frame_packing`); the shader
takes it apart, filters it, and writes the photo's own colours whatever the scene's view
transform is: what is drawn at this stage is not colour managed.
"""

from __future__ import annotations

from typing import Any

import blf
import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from .. import versions
from ..core.preview import frame_packing
from ..core.preview.overlay_rect import Rect, grip_point
from ..text_lines import break_lines
from . import overlay_layout
from .sessions import Session

_VERTEX = """
void main()
{
  at = uv;
  gl_Position = ModelViewProjectionMatrix * vec4(pos, 0.0, 1.0);
}
"""
_FRAGMENT = """
vec3 pixel(ivec2 p)
{
  ivec2 last = textureSize(image, 0) - 1;
  uint word = floatBitsToUint(texelFetch(image, clamp(p, ivec2(0), last), 0).r);
  return vec3(float(word & 255u), float((word >> 8) & 255u), float((word >> 16) & 255u)) / 255.0;
}

vec3 between(vec2 p)
{
  vec2 corner = floor(p - 0.5);
  vec2 part = p - 0.5 - corner;
  ivec2 i = ivec2(corner);
  return mix(mix(pixel(i), pixel(i + ivec2(1, 0)), part.x),
             mix(pixel(i + ivec2(0, 1)), pixel(i + ivec2(1, 1)), part.x), part.y);
}

void main()
{
  vec2 size = vec2(textureSize(image, 0));
  vec2 center = at * size;
  // Pixel for pixel: reading one in place of four counts where the processor does the drawing.
  vec3 sum = taps == 0 ? pixel(ivec2(center)) : vec3(0.0);
  for (int y = 0; y < taps; y++) {
    for (int x = 0; x < taps; x++) {
      vec2 part = (vec2(float(x), float(y)) + 0.5) / float(taps) - 0.5;
      sum += between(center + part * footprint);
    }
  }
  vec3 colour = sum / float(max(taps * taps, 1));
  // The viewport's overlay buffer encodes linear light to sRGB, in 4.3 as in 5.2.
  vec3 low = colour / 12.92;
  vec3 high = pow((colour + 0.055) / 1.055, vec3(2.4));
  colour = mix(high, low, vec3(lessThanEqual(colour, vec3(0.04045))));
  fragColor = vec4(colour, opacity);
}
"""
_MOST_TAPS = 4
_BORDER = (0.0, 0.0, 0.0, 0.55)
_BORDER_LIT = (1.0, 0.63, 0.16, 1.0)
_PLATE = (0.09, 0.09, 0.10, 0.85)

_shader: Any = None
_textures: dict[str, tuple[int, Any]] = {}
highlighted: str = ""


def forget(uid: str) -> None:
    """Drop the texture of a preview that ended."""
    _textures.pop(uid, None)


def draw() -> None:
    """Draw all overlays of the region that is being drawn."""
    context = bpy.context
    if getattr(context.scene, "heat", None) is None:
        return
    gpu.state.blend_set("ALPHA")
    for overlay in _with_newest_frames(context):
        session, rect = overlay.session, overlay.rect
        session.drawn_in[context.region.as_pointer()] = session.frame_number
        if session.shown is not None:
            _draw_frame(session, rect, overlay.portrait.preview.opacity)
        else:
            _warm_up(rect)
            _fill(rect, _PLATE)
        text = session.overlay_text()
        _draw_border(rect, overlay.portrait)
        if text:
            _draw_text(rect, text, context.preferences.system.ui_scale)
    gpu.state.blend_set("NONE")


def _with_newest_frames(context: Any) -> list[overlay_layout.Overlay]:
    """Lay the overlays out, with frames that came while Blender drew the scene."""
    overlays = overlay_layout.overlays(context)
    if not any([overlay.session.take_while_drawing() for overlay in overlays]):
        return overlays
    return overlay_layout.overlays(context)  # a first frame brings the photo's proportions


def _draw_frame(session: Session, rect: Rect, opacity: float) -> None:
    number, texture = _textures.get(session.uid, (-1, None))
    frame = session.shown
    assert frame is not None
    if number != session.frame_number or texture is None:
        texture = _upload(frame.pixels)
        _textures[session.uid] = (session.frame_number, texture)
    _draw_texture(texture, rect, (frame.width, frame.height), opacity)


def _draw_texture(texture: Any, rect: Rect, size: tuple[int, int], opacity: float) -> None:
    shader = _the_shader()
    shader.bind()
    shader.uniform_sampler("image", texture)
    footprint = (size[0] / rect.width, size[1] / rect.height)
    taps = 0 if footprint == (1.0, 1.0) else min(max(round(max(footprint)), 1), _MOST_TAPS)
    shader.uniform_float("footprint", footprint)
    shader.uniform_float("opacity", opacity)
    shader.uniform_int("taps", taps)
    corners = ((rect.x, rect.y), (rect.right, rect.y), (rect.right, rect.top), (rect.x, rect.top))
    batch = batch_for_shader(
        shader, "TRI_FAN", {"pos": corners, "uv": ((0, 1), (1, 1), (1, 0), (0, 0))}
    )
    batch.draw(shader)


def _upload(pixels: Any) -> Any:
    height, width = pixels.shape[:2]
    buffer = gpu.types.Buffer("FLOAT", height * width)
    frame_packing.pack_into(pixels, versions.buffer_view(buffer, height * width))
    return gpu.types.GPUTexture((width, height), format="R32F", data=buffer)


def _the_shader() -> Any:
    global _shader
    if _shader is None:
        between = gpu.types.GPUStageInterfaceInfo("heat_overlay_interface")
        between.smooth("VEC2", "at")
        info = gpu.types.GPUShaderCreateInfo()
        info.push_constant("MAT4", "ModelViewProjectionMatrix")
        info.push_constant("VEC2", "footprint")
        info.push_constant("FLOAT", "opacity")
        info.push_constant("INT", "taps")
        info.sampler(0, "FLOAT_2D", "image")
        info.vertex_in(0, "VEC2", "pos")
        info.vertex_in(1, "VEC2", "uv")
        info.vertex_out(between)
        info.fragment_out(0, "VEC4", "fragColor")
        info.vertex_source(_VERTEX)
        info.fragment_source(_FRAGMENT)
        _shader = gpu.shader.create_from_info(info)
    return _shader


def _warm_up(rect: Rect) -> None:
    """Have the driver compile the shader while the portrait is prepared, not at the first frame."""
    if _shader is None:
        _draw_texture(_upload(np.zeros((1, 1, 4), np.uint8)), rect, (1, 1), 0.0)


def _draw_border(rect: Rect, portrait: Any) -> None:
    lit = highlighted == portrait.uid
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.bind()
    shader.uniform_float("color", _BORDER_LIT if lit else _BORDER)
    x, y, right, top = rect.x, rect.y, rect.right, rect.top
    loop = ((x, y), (right, y), (right, top), (x, top), (x, y))
    gpu.state.line_width_set(2.0 if lit else 1.0)
    batch_for_shader(shader, "LINE_STRIP", {"pos": loop}).draw(shader)
    gpu.state.line_width_set(1.0)
    if lit:
        grip_x, grip_y = grip_point(rect, portrait.preview.corner)
        _fill(Rect(grip_x - 5, grip_y - 5, 10, 10), _BORDER_LIT)


def _fill(rect: Rect, colour: tuple[float, float, float, float]) -> None:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.bind()
    shader.uniform_float("color", colour)
    corners = ((rect.x, rect.y), (rect.right, rect.y), (rect.right, rect.top), (rect.x, rect.top))
    batch_for_shader(shader, "TRI_FAN", {"pos": corners}).draw(shader)


def _draw_text(rect: Rect, text: str, scale: float) -> None:
    blf.size(0, 12 * scale)
    lines = break_lines(text, rect.width - 16, lambda piece: float(blf.dimensions(0, piece)[0]))
    step = 16 * scale
    _fill(Rect(rect.x, rect.y, rect.width, min(rect.height, step * len(lines) + 10)), _PLATE)
    blf.color(0, 0.9, 0.9, 0.9, 1.0)
    for number, line in enumerate(lines):
        blf.position(0, rect.x + 8, rect.y + 8 + step * (len(lines) - 1 - number), 0)
        blf.draw(0, line)
