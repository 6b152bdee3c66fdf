# SPDX-License-Identifier: GPL-3.0-or-later
"""A performance to bake, and what a baked rig shows of it."""

import bpy
import numpy as np

import bridge
from bridge.coefficients import EXPRESSION_INDEX

FPS = 25.0


def performance(count=250, fps=FPS):
    """A clip in which all that a rig can show moves, at its own pace, and the head too."""
    seconds = np.arange(count) / fps
    expression = np.zeros((count, 52), np.float32)
    for k in range(52):
        pace, start = 0.3 + 0.05 * k, 0.4 * k
        expression[:, k] = 0.55 - 0.55 * np.cos(2.0 * np.pi * pace * seconds + start)
    waves = np.stack([np.sin(pace * seconds) for pace in (2.0, 3.1, 1.3)], axis=1)
    return bridge.motion_clip.MotionClip(fps, expression, 0.3 * waves, 0.5 * waves[:, ::-1])


def saved(clip, folder, name="take one.npz"):
    bridge.motion_clip.save(clip, folder / name)
    return str(folder / name)


def sampled(portrait, frames):
    """What the rig map reads on some frames: (N, 52), (N, 3), (N, 3)."""
    from blender_addon.data import rig_maps
    from blender_addon.scene import sampling
    from blender_addon.scene.sampling import rig_source

    rig_map, scene = rig_maps.to_rig_map(portrait), bpy.context.scene
    found = []
    for frame in frames:
        scene.frame_set(int(frame), subframe=float(frame % 1.0))
        graph = bpy.context.evaluated_depsgraph_get()
        found.append(sampling.sample(rig_source(portrait), rig_map, graph))
    return (
        np.array([c.expression for c in found]),
        np.array([c.rotation for c in found]),
        np.array([c.translation for c in found]),
    )


def strips_of(id_block):
    data = id_block.animation_data
    return [strip for track in data.nla_tracks for strip in track.strips]


def baked_strip(id_block, name="take one"):
    (strip,) = [s for s in strips_of(id_block) if s.name == name]
    return strip


def column(name):
    return EXPRESSION_INDEX[name]


def notes(portrait):

    from blender_addon.jobs import background_jobs

    return " ".join(background_jobs.find("motion", portrait.uid).notes)
