# SPDX-License-Identifier: GPL-3.0-or-later
"""The live previews: handlers note changes of the rig, a timer samples it, sends and shows.

Everything here runs in Blender's main thread; the waiting is done in each session's thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import bpy
from bpy.app.handlers import persistent

from .. import bridge
from ..backend import choose
from ..core import dirty_flags, engines
from ..data import portraits
from ..data.portraits import find_portrait
from ..scene import redraw
from .sessions import Session, by_uid, sessions, show_all_edits, shows_before

# Modules that load numpy or gpu are imported in functions, so that Blender starts without them.

log = logging.getLogger(__name__)

_TICK = 1 / 100  # seconds; a frame waits at most this long to be shown
_draw_handle: Any = None


def start(portrait: Any) -> None:
    """Start a portrait's preview; one that runs already starts afresh.

    Raises
    ------
    BadInput
        The photo is missing.
    MissingHere
        No backend is set up.
    """
    source = portraits.portrait_source(portrait)
    owner = choose.ready()
    options = portraits.engine_options(portrait, portrait.preview.render_size)
    dirty_flags.forget_source(portrait.uid)
    old = by_uid.pop(portrait.uid, None)
    live = bridge.preview.LivePreview(owner.client, source, portrait.engine or None, options)
    session = Session(portrait.uid, live)
    if old is not None:
        # The old frame stays on screen until the first new one.
        session.frame, session.frame_number = old.frame, old.frame_number
        old.live.stop()
    by_uid[portrait.uid] = session
    dirty_flags.rig_changed()
    _start_drawing()
    if not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, first_interval=_TICK, persistent=True)


def stop(uid: str) -> None:
    """Stop a portrait's preview, if it runs."""
    session = by_uid.pop(uid, None)
    if session is not None:
        session.stop()
        _forget_texture(uid)
        redraw.previews()
    if not by_uid:
        _stop_drawing()


def stop_all() -> None:
    """Stop every preview."""
    for uid in list(by_uid):
        stop(uid)


def restart_failed() -> None:
    """Start those previews again that had given up."""
    for session in sessions():
        if session.live.state == "failed":
            _restart(session.uid)


def step() -> None:
    """Do one round: restart what changed, sample, send, take frames, show them.

    The timer calls this; a script in background Blender may call it in its place.
    """
    for uid in dirty_flags.take_sources():
        if uid in by_uid:
            _restart(uid)
    if any([session.began_to_want_neighbours() for session in sessions()]):
        dirty_flags.rig_changed()
    _sample_if_changed()
    anew = dirty_flags.take_redraw()
    behind = panels = False
    for session in sessions():
        behind |= session.take() or session.take_drawn_early()
        _write_image(session)
        anew |= session.overlay_text_changed()
        panels |= session.status_changed()
    if anew:
        for session in sessions():
            session.drawn_in.clear()
        redraw.previews()
    elif behind:
        redraw.viewports(_is_behind)
    if panels:
        redraw.sidebars()


def _is_behind(region: int) -> bool:
    return any(session.is_behind(region) for session in sessions())


def located(uid: str) -> tuple[Any, Any, Any]:
    """Return scene, view layer and portrait of an identifier; Nones when it is gone."""
    for scene, layer in _shown_scenes():
        portrait = find_portrait(scene, uid)
        if portrait is not None:
            return scene, layer, portrait
    return None, None, None


def _shown_scenes() -> Iterator[tuple[Any, Any]]:
    seen = set()
    for window in bpy.context.window_manager.windows:
        seen.add(window.scene.name)
        yield window.scene, window.view_layer
    for scene in bpy.data.scenes:
        if scene.name not in seen:
            yield scene, scene.view_layers[0]


def _sample_if_changed() -> None:
    if dirty_flags.take_rig():
        for session in sessions():
            _sample(session)


def _sample(session: Session) -> None:
    from ..data import rig_maps
    from ..scene import neighbour_frames, range_sampling, sampling

    if range_sampling.is_sampling():
        dirty_flags.rig_changed()  # a render moves the scene's time just now: look again later
        return
    scene, layer, portrait = located(session.uid)
    if portrait is None:
        return
    try:
        graph = layer.depsgraph or bpy.context.evaluated_depsgraph_get()
        rows = rig_maps.to_rig_map(portrait)
        source = sampling.rig_source(portrait)
        now = sampling.sample(source, rows, graph)
        around = None
        if session.wants_neighbours():
            shot = portraits.frame_range(scene, portrait)
            around = neighbour_frames.neighbours(source, rows, graph, now, shot)
        before = shows_before(session.uid)
        edits = {} if before else engines.usable_edits(portrait.engine, now.edits)
        session.send(replace(now, edits=edits), around)
    except (bridge.errors.HeatError, ReferenceError) as error:
        session.trouble = str(error)


def _write_image(session: Session) -> None:
    """Move the newest frame on toward the portrait's live image."""
    _scene, _layer, portrait = located(session.uid)
    if portrait is None or portrait.preview.mode != "IMAGE" or session.frame is None:
        return
    from . import live_image

    if session.converter is None:
        session.converter = live_image.FrameConverter()
    session.converter.offer(session.frame_number, session.frame.pixels)
    values = session.converter.take()
    if values is None:
        return
    live_image.write(portrait, values)
    redraw.image(portrait.preview.image)
    session.image_number += 1


def _restart(uid: str) -> None:
    _scene, _layer, portrait = located(uid)
    if portrait is None:
        stop(uid)
        return
    try:
        start(portrait)
    except bridge.errors.HeatError as error:
        session = by_uid[uid]
        session.trouble = session.live.error = str(error)  # what was wrong before is past


def tick() -> float | None:
    """Do one round for Blender's timer; return the seconds to the next, None without previews."""
    if not by_uid:
        return None
    for uid in list(by_uid):
        if located(uid)[2] is None:
            stop(uid)  # removed by undo or with its scene
    try:
        step()
    except Exception as error:  # the preview must say so, and go on with the next frame
        _show_failure(error)
    return _TICK


def _show_failure(error: Exception) -> None:
    log.error("heat: the preview failed", exc_info=error)
    for session in sessions():
        session.trouble = f"The preview failed: {error}"


def _forget_texture(uid: str) -> None:
    from . import overlay_draw

    overlay_draw.forget(uid)


def _start_drawing() -> None:
    global _draw_handle
    if _draw_handle is None and not bpy.app.background:
        from . import overlay_draw

        _draw_handle = bpy.types.SpaceView3D.draw_handler_add(
            overlay_draw.draw, (), "WINDOW", "POST_PIXEL"
        )


def _stop_drawing() -> None:
    global _draw_handle
    if _draw_handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_draw_handle, "WINDOW")
        _draw_handle = None


@persistent
def _on_change(*_args: Any) -> None:
    if by_uid:
        dirty_flags.rig_changed()


@persistent
def _on_evaluated(_scene: Any, graph: Any = None) -> None:
    """Sample and send at once, before Blender draws: the frame may be there when it has drawn.

    Not while a render evaluates the scene, which it does in a thread of its own.
    """
    if not by_uid or (graph is not None and graph.mode != "VIEWPORT"):
        return
    dirty_flags.rig_changed()
    if threading.get_ident() == threading.main_thread().ident:
        try:
            _sample_if_changed()
        except Exception as error:
            _show_failure(error)


@persistent
def _on_load_pre(*_args: Any) -> None:
    stop_all()
    show_all_edits()


_HANDLERS = (
    ("depsgraph_update_post", _on_evaluated),
    ("frame_change_post", _on_evaluated),
    ("undo_post", _on_change),
    ("redo_post", _on_change),
    ("load_post", _on_change),
    ("load_pre", _on_load_pre),
)


def register() -> None:
    """Add the handlers that note changes."""
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    """Stop all previews and remove the handlers."""
    _on_load_pre()
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    for name, handler in _HANDLERS:
        listeners = getattr(bpy.app.handlers, name)
        if handler in listeners:
            listeners.remove(handler)
