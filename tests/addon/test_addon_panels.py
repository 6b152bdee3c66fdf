# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panels say and offer in the situations that a user gets into."""

import time
from types import SimpleNamespace

import pytest


class Drawn:
    """Stands in for a layout: notes texts, properties and operators that would be drawn."""

    def __init__(self, kept=None):
        self.kept = [] if kept is None else kept

    def __getattr__(self, name):
        def draw(*args, **given):
            if name == "operator":
                self.kept.append(("operator", args[0]))
            elif name in {"prop", "prop_search"}:
                self.kept.append(("prop", args[1]))
            elif given.get("text"):
                self.kept.append((name, given["text"]))
            return Drawn(self.kept)

        return draw

    def of(self, kind):
        return [what for of_kind, what in self.kept if of_kind == kind]

    @property
    def text(self):
        return " ".join(self.of("label"))


def context(**more):
    """Return a context as of a window at scale 1: without one Blender gives no scale."""
    preferences = SimpleNamespace(system=SimpleNamespace(ui_scale=1.0, viewport_aa="OFF"))
    return SimpleNamespace(region=None, preferences=preferences, **more)


def drawn(blender, name):
    """Return what a panel draws for the active portrait."""
    from blender_addon.panels import map_panel, portrait_panel, preview_panel, render_panel

    modules = (map_panel, portrait_panel, preview_panel, render_panel)
    (panel,) = (cls for m in modules for cls in m.CLASSES if cls.__name__ == name)
    layout = Drawn()
    panel.draw(SimpleNamespace(layout=layout), context(scene=blender.context.scene))
    return layout


def run_until(condition, seconds=60.0):
    from blender_addon.preview import live, sessions

    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        live.step()
        time.sleep(0.005)
    assert condition(), [s.status() for s in sessions.sessions()]


def start_and_wait_for(portrait, state):
    from blender_addon.preview import live, sessions

    live.start(portrait)
    session = sessions.session_of(portrait.uid)
    run_until(lambda: session.live.state == state)
    return session


def test_preview_stands_before_render_and_rig_map(addon):
    from blender_addon.panels.map_panel import HEAT_PT_map
    from blender_addon.panels.portrait_panel import HEAT_PT_photo, HEAT_PT_portraits
    from blender_addon.panels.preview_panel import HEAT_PT_preview
    from blender_addon.panels.render_panel import HEAT_PT_render

    panels = [HEAT_PT_map, HEAT_PT_render, HEAT_PT_preview, HEAT_PT_photo, HEAT_PT_portraits]
    panels.sort(key=lambda panel: panel.bl_order)
    assert [p.bl_label for p in panels] == [
        "Portraits",
        "Photo & Rig",
        "Preview",
        "Render",
        "Rig Map",
    ]
    assert "DEFAULT_CLOSED" in HEAT_PT_map.bl_options


def test_photo_and_rig_tells_how_many_rows_are_mapped(addon, blender, photo):
    blender.ops.heat.portrait_add(photo=str(photo))
    assert "heat.add_sample_rig" in drawn(blender, "HEAT_PT_photo").of("operator")
    blender.ops.heat.add_sample_rig()
    portrait = blender.context.scene.heat.portraits[0]
    layout = drawn(blender, "HEAT_PT_photo")
    assert "Mapped: 52 of 52 shape keys, 6 head bone rows" in layout.text
    assert "heat.auto_map" in layout.of("operator")
    portrait.mesh.data.shape_keys.key_blocks["jawOpen"].name = "mandible"
    portrait.key_rows[0].expression = "NONE"
    assert "Mapped: 50 of 52 shape keys" in drawn(blender, "HEAT_PT_photo").text
    assert "see Rig Map" in drawn(blender, "HEAT_PT_photo").text
    portrait.key_rows.clear()
    portrait.bone_rows.clear()
    assert "Auto-Map fills them in" in drawn(blender, "HEAT_PT_photo").text


def test_live_preview_says_where_the_sliders_and_the_picture_are(blender, portrait, backend):
    assert drawn(blender, "HEAT_PT_preview").of("operator")[0] == "heat.preview_start"
    start_and_wait_for(portrait, "live")
    assert "Object Data properties" in drawn(blender, "HEAT_PT_preview").text
    portrait.preview.mode = "IMAGE"
    run_until(lambda: portrait.preview.image is not None)
    assert f'"{portrait.preview.image.name}"' in drawn(blender, "HEAT_PT_preview").text


def test_try_again_prepares_a_mended_photo(blender, portrait, backend, photo):
    from blender_addon.preview import sessions

    whole = photo.read_bytes()
    photo.write_bytes(whole[:8])
    session = start_and_wait_for(portrait, "failed")
    assert photo.name in session.status()[0]
    pid = backend.pid
    photo.write_bytes(whole)
    offered = drawn(blender, "HEAT_PT_preview").of("operator")
    assert "heat.preview_start" in offered and "heat.backend_restart" not in offered
    blender.ops.heat.preview_start()
    assert sessions.session_of(portrait.uid).live.state == "live"
    assert backend.pid == pid  # the backend was not at fault


def test_another_photo_takes_the_complaint_away(blender, portrait, backend, photo, tmp_path):
    from blender_addon.preview import live, sessions

    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    good = str(photo)
    portrait.photo_path = str(broken)
    start_and_wait_for(portrait, "failed")
    portrait.photo_path = str(tmp_path / "nowhere.png")
    live.step()
    told = sessions.session_of(portrait.uid).status()[0]
    assert "nowhere.png" in told and "broken.png" not in told
    portrait.photo_path = good
    run_until(lambda: sessions.session_of(portrait.uid).live.state == "live")
    run_until(lambda: sessions.session_of(portrait.uid).status()[0].startswith("Live"))


def test_size_reads_photos_size_until_another_is_chosen(blender, portrait):
    props = drawn(blender, "HEAT_PT_render").of("prop")
    assert "photo_size" in props and "size" not in props
    portrait.photo_size = False
    assert portrait.size > 0
    assert "size" in drawn(blender, "HEAT_PT_render").of("prop")
    portrait.size = 300
    portrait.photo_size = False
    assert portrait.size == 300
    portrait.photo_size = True
    assert portrait.size == 0


@pytest.mark.parametrize("kind", ["PNG", "MP4"])
def test_finished_render_names_its_place_and_matches_the_scene(blender, portrait, backend, kind):
    from blender_addon import versions

    scene = blender.context.scene
    assert "heat.open_sequencer" not in drawn(blender, "HEAT_PT_render").of("operator")
    with pytest.raises(RuntimeError, match="Render to the sequencer first"):
        blender.ops.heat.match_resolution()
    portrait.output.file_format = kind
    blender.ops.heat.render()
    layout = drawn(blender, "HEAT_PT_render")
    assert "channel 1, frames 1-6" in layout.text
    assert "1920 x 1080" in layout.text and "64 x 80" in layout.text
    assert "heat.match_resolution" in layout.of("operator")
    assert blender.ops.heat.match_resolution() == {"FINISHED"}
    assert (scene.render.resolution_x, scene.render.resolution_y) == (64, 80)
    (strip,) = versions.strips_of(scene)
    assert (strip.transform.scale_x, strip.transform.scale_y) == pytest.approx((1.0, 1.0))
    assert "heat.match_resolution" not in drawn(blender, "HEAT_PT_render").of("operator")
    strip.transform.scale_x = strip.transform.scale_y = 0.5  # the user's own choice
    scene.render.resolution_x = 128
    blender.ops.heat.match_resolution()
    assert strip.transform.scale_x == pytest.approx(0.5)


def test_same_shape_in_another_size_is_no_complaint(blender, portrait, backend):
    scene = blender.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 640, 800
    blender.ops.heat.render()
    assert "heat.match_resolution" not in drawn(blender, "HEAT_PT_render").of("operator")
