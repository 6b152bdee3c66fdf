# SPDX-License-Identifier: GPL-3.0-or-later
"""The per-portrait corrections that can be switched off one by one, all of them on by default."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Corrections:
    """Which corrections a portrait is prepared with.

    Each is a heuristic for one kind of picture, described by the function named. A portrait
    prepared without one shows what the correction is worth.

    Attributes
    ----------
    stylised_eyes : bool
        Drawn characters: lids fitted to eyes larger than people's
        (``layers.stylised_eyes.correct_stylised_eyes``).
    misread_chin : bool
        Shouts: chin landmarks that the tracker left on the lower lip are put below it
        (``fit.landmark_outliers``).
    lip_edges : bool
        Smiles that show teeth: lip contours moved to the edges in the photo
        (``fit.lip_edges.align_lips_to_edges``).
    sealed_lips : bool
        All, closed mouths above all: expressions that must not part the lips do not
        (``fit.lip_contact.seal_lips``, ``close_open_jaw``).
    weak_shapes : bool
        All: shapes that a moved photo shows weaker than a relit face are made stronger
        (``fit.posed_model.strengthen_weak_shapes``).
    gaze_lids : bool
        All: lids follow a glance less than the model's do
        (``fit.posed_model.weaken_lid_following``).
    spent_expression : bool
        Photos with an expression, driven by relative motion: what the photo already shows of a
        shape is partly used up (``fit.posed_model.spend_expression``).
    personal_blink : bool
        Eyes more or less open than the model's: blinks rescaled to close them exactly
        (``fit.eyelids.close_exactly``).
    lid_skin : bool
        Deep-set and hooded eyes: smooth motion between upper lid and brow
        (``fit.eyelids.smooth_lid_skin``).
    glasses : bool
        Faces with spectacles: the skin under the frame stands still (``fit.glasses``).
    loose_hair : bool
        Strands that the matte misses (``layers.matte.find_loose_hair``).
    cropped_hair : bool
        Heads that the photo's upper border cuts: hair continued as a rounded crown
        (``layers.matting_layers.rounded_crown``).
    cropped_neck : bool
        Photos that end at the neck: shoulders widen below the border
        (``layers.proxy_mesh.widen_to_shoulders``).
    smooth_rim : bool
        All, turned heads above all: the cut edge of the face mesh is smoothed
        (``layers.portrait_mesh.smooth_rim``).
    mirror_texture : bool
        Faces turned aside in the photo: the far side's skin is the near side's mirrored
        (``layers.mirror_texture.mirror_texture``).
    grazing_skin : bool
        Shape edits of turned heads: skin seen at a grazing angle moves with what is beside it
        (``layers.visible_triangles.evened_grazing``).
    sclera_tint : bool
        Narrow or shaded eyes: the purer eye's white tints both
        (``layers.eyeballs.purest_tint``).
    lip_colours : bool
        Smiles and open mouths: lips that relax take their colour from farther in
        (``layers.lip_colours.lip_colours``).
    mouth_light : bool
        Photos that show teeth: their colour lights and tints the inside of the mouth
        (``layers.mouth_colours.photographed_teeth``).
    bared_teeth : bool
        All: teeth seen as the jaw opens, which the model's lips would cover
        (``layers.mouth_interior.teeth_rise``).
    photographed_mouth : bool
        Open mouths: the photo's own teeth and tongue are shown as long as they fit
        (``layers.photographed_mouth.build_photographed_mouth``).
    expression_gains : bool
        All: expressions whose response the tracker reads as too weak or strong are rescaled
        (``warp.control_calibration.calibrate_expressions``).
    turn_response : bool
        All, photos of turned heads above all: turns that the tracker reads as too far or short
        are corrected (``warp.control_calibration.calibrate_turns``).
    sideways_gaze : bool
        All: eyeballs are turned farther sideways, since irises read as turned less than they are
        (``geometry.head_pose.eyeball_rotations``).
    lip_shadow : bool
        Closed mouths: parting lips leave the dark line between them behind
        (``warp.backward_warp.without_lip_shadow``).
    hidden_lid : bool
        Open eyes: a closing lid is covered with skin made for it, not the stretched fold
        (``warp.lid_compositor.composite_lid_skin``).
    edit_directions : bool
        All, paintings above all: shape edits move what a tracker sees, not only the model's
        measures (``edits.portrait_directions``).
    hair_border : bool
        Hair edits: the border of the hair lies on the photo's edges
        (``edits.skin_and_hair.cut_hair``).
    """

    stylised_eyes: bool = True
    misread_chin: bool = True
    lip_edges: bool = True
    sealed_lips: bool = True
    weak_shapes: bool = True
    gaze_lids: bool = True
    spent_expression: bool = True
    personal_blink: bool = True
    lid_skin: bool = True
    glasses: bool = True
    loose_hair: bool = True
    cropped_hair: bool = True
    cropped_neck: bool = True
    smooth_rim: bool = True
    mirror_texture: bool = True
    grazing_skin: bool = True
    sclera_tint: bool = True
    lip_colours: bool = True
    mouth_light: bool = True
    bared_teeth: bool = True
    photographed_mouth: bool = True
    expression_gains: bool = True
    turn_response: bool = True
    sideways_gaze: bool = True
    lip_shadow: bool = True
    hidden_lid: bool = True
    edit_directions: bool = True
    hair_border: bool = True


ALL_CORRECTIONS = Corrections()
