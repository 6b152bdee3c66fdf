# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the demo that happens inside Blender: install, rig, keys, map, render, save.

Then its look changes as keyed, and a spoken sentence and the demo's own movie drive the photo once
more, each baked as keys.

Run in Blender, or by a Python with Blender's module, with one argument of JSON; it uses the
installed extension and its operators only, as a user's own script would.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import bpy
from mathutils import Matrix, Quaternion, Vector

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bridge.pose import rotation_matrix
from demo.look import Look, look
from demo.performance import Performance

FPS = 24


def main() -> None:
    """Make ``demo.blend`` and the movie beside it."""
    given: dict[str, Any] = json.loads(sys.argv[-1])
    making = Path(given["making"])
    bpy.ops.wm.read_factory_settings()
    bpy.context.preferences.filepaths.save_version = 0  # no demo.blend1 beside it
    install(given["zip"], given["python"])
    print("Heat: keying and mapping the sample rig", flush=True)
    scene = bpy.context.scene
    portrait = prepare_scene(scene, given["photo"])
    shot = Performance(**given["performance"])
    scene.frame_start, scene.frame_end = 1, round(shot.seconds * FPS)
    scene.render.fps, scene.render.fps_base = FPS, 1.0
    key_face(portrait.mesh, shot)
    key_head(portrait.armature, portrait.head_bone, shot)
    aim_camera(scene, portrait.mesh)
    bpy.ops.wm.save_as_mainfile(filepath=str(making / "demo.blend"))
    render(given, scene, portrait, "demo")
    edit(given)
    drive(given, "spoken", making / "spoken.wav")
    drive(given, "filmed", making / "demo.mp4")


def edit(given: dict[str, Any]) -> None:
    """Let the look of the face change while it speaks: keyed edits, and a lamp that drives some."""
    print("Heat: keying the look of the face", flush=True)
    scene, portrait = empty_scene(given, "edited")
    shot, changing = Performance(**given["performance"]), look()
    key_face(portrait.mesh, shot)
    key_head(portrait.armature, portrait.head_bone, shot)
    for name, keys in changing.edits.items():
        for second, value in keys:
            setattr(portrait.edits, name, value)
            portrait.edits.keyframe_insert(name, frame=frame_at(second))
    (lamp,) = [thing for thing in scene.objects if thing.type == "LIGHT"]
    key_lamp(lamp, portrait, changing)
    bpy.ops.heat.edit_drive_light(lamp=lamp.name)
    scene.frame_end = round(changing.seconds * FPS)
    render(given, scene, portrait, "edited")


def key_lamp(lamp: Any, portrait: Any, changing: Look) -> None:
    """Key the lamp's way about the head; the rig faces -Y."""
    bone = portrait.armature.data.bones[portrait.head_bone]
    middle = portrait.armature.matrix_world @ ((bone.head_local + bone.tail_local) / 2.0)
    for second, (right, up, toward) in changing.lamp:
        lamp.location = middle + bone.length * Vector((right, -toward, up))
        lamp.keyframe_insert("location", frame=frame_at(second))


def drive(given: dict[str, Any], name: str, source: Path) -> None:
    """Bake a voice or a video onto a sample rig of its own, and render that."""
    print(f"Heat: {source.name} drives the rig", flush=True)
    scene, portrait = empty_scene(given, name)
    portrait.motion.path = str(source)
    portrait.motion.life = True
    bpy.ops.heat.bake_motion()
    tracks = portrait.mesh.data.shape_keys.animation_data.nla_tracks
    scene.frame_end = round(max(strip.frame_end for track in tracks for strip in track.strips))
    portrait.motion.path = bpy.path.relpath(str(source))
    render(given, scene, portrait, name)


def empty_scene(given: dict[str, Any], name: str) -> tuple[Any, Any]:
    """Begin a .blend of its own; return its scene and the portrait with its sample rig."""
    bpy.ops.wm.read_homefile()
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = FPS, 1.0
    portrait = prepare_scene(scene, given["photo"])
    aim_camera(scene, portrait.mesh)
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(given["making"]) / f"{name}.blend"))
    scene.frame_start = 1
    scene.frame_set(1)
    return scene, portrait


def render(given: dict[str, Any], scene: Any, portrait: Any, name: str) -> None:
    """Render into the sequencer, and save the .blend beside the movie."""
    portrait.neutralise = True  # the rig speaks and smiles by itself, from a face at rest
    bpy.ops.heat.fix_view_transform()
    portrait.output.file_format = "MP4"
    portrait.output.folder = "//takes"
    bpy.ops.heat.render()
    name_take(scene, Path(given["making"]), name)
    portrait.photo_path = bpy.path.relpath(given["photo"], start=given["out"])
    bpy.ops.wm.save_mainfile()


def install(package: str, python: str) -> None:
    """Install the zip as Blender does from disk, and name the backend's interpreter."""
    bpy.ops.extensions.package_install_files(
        filepath=package, repo="user_default", enable_on_install=True
    )
    preferences = bpy.context.preferences.addons["bl_ext.user_default.heat"].preferences
    preferences.backend = "EXISTING"
    preferences.existing_python = python


def prepare_scene(scene: Any, photo: str) -> Any:
    """Clear the default objects away, add the portrait and the sample rig, map them."""
    for thing in list(scene.objects):
        if thing.type == "MESH":
            bpy.data.objects.remove(thing)
    bpy.ops.heat.portrait_add(photo=photo)
    bpy.ops.heat.add_sample_rig()
    bpy.ops.heat.auto_map()
    return scene.heat.portraits[scene.heat.active_index]


def key_face(mesh: Any, shot: Performance) -> None:
    """Key the shape keys; on whole frames, as animators do."""
    blocks = mesh.data.shape_keys.key_blocks
    for name, keys in shot.expression.items():
        for second, value in keys:
            blocks[name].value = value
            blocks[name].keyframe_insert("value", frame=frame_at(second))


def key_head(armature: Any, bone_name: str, shot: Performance) -> None:
    """Key the head bone.

    The performance's angles are about the picture's axes. A character that faces -Y has its
    x, y and z along Blender's X, Z and -Y, whatever the roll of the bone.
    """
    bone = armature.pose.bones[bone_name]
    bone.rotation_mode = "QUATERNION"
    to_blender = Matrix(((1, 0, 0), (0, 0, -1), (0, 1, 0)))
    rest = bone.bone.matrix_local.to_3x3()
    before = Quaternion()
    for second, angles in shot.head:
        turn = to_blender @ Matrix(rotation_matrix(angles).tolist()) @ to_blender.transposed()
        local = (rest.transposed() @ turn @ rest).to_quaternion()
        local.make_compatible(before)
        bone.rotation_quaternion = before = local
        bone.keyframe_insert("rotation_quaternion", frame=frame_at(second))


def name_take(scene: Any, folder: Path, name: str) -> None:
    """Give the take's movie and motion clip the demo's names, and let the strip follow."""
    editor = scene.sequence_editor
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences  # before 4.4
    (strip,) = [strip for strip in strips if strip.type == "MOVIE"]
    take = Path(bpy.path.abspath(strip.filepath))
    take.replace(folder / f"{name}.mp4")
    take.with_suffix(".npz").replace(folder / f"{name}.npz")
    strip.filepath = bpy.path.relpath(str(folder / f"{name}.mp4"))
    shutil.rmtree(folder / "takes")


def frame_at(second: float) -> int:
    """Give the frame that shows a moment; the shot's first is frame 1."""
    return 1 + round(second * FPS)


def aim_camera(scene: Any, mesh: Any) -> None:
    """Put the scene's camera in front of the face, so that the viewport opens on something."""
    corners = [mesh.matrix_world @ Vector(corner) for corner in mesh.bound_box]
    centre = sum(corners, Vector((0.0, 0.0, 0.0))) / len(corners)
    height = max(c.z for c in corners) - min(c.z for c in corners)
    scene.camera.data.lens = 85.0
    scene.camera.location = centre + Vector((0.0, -3.4 * height, 0.0))
    scene.camera.rotation_euler = (1.5707963, 0.0, 0.0)


if __name__ == "__main__":
    main()
