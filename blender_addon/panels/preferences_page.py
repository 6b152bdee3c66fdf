# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""The page of the add-on's preferences: where the backend comes from, and setting it up."""

import os
from typing import Any

from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty
from bpy.types import AddonPreferences

from .. import text_lines
from ..backend import choose
from ..core.setup import environment
from ..data.preferences import PYTHON_VARIABLE
from ..jobs import background_jobs, setup_job, weights_job
from . import doctor_lines

BACKEND_ITEMS = (
    ("OWN", "Heat's own environment", "The environment that Set Up Backend makes"),
    ("EXISTING", "An environment that exists", "A Python that has heat_backend installed"),
    ("REMOTE", "Another machine", "A backend that runs elsewhere, by address and secret"),
)
TORCH_ITEMS = (
    ("AUTO", "Automatic", "For the NVIDIA card where there is one, else for the processor"),
    ("CPU", "Processor only", "The smaller download"),
    ("CUDA", "NVIDIA card", "The larger download, for NVIDIA cards"),
)


class HeatPreferences(AddonPreferences):
    """Preferences of the add-on."""

    bl_idname = __package__.rpartition(".")[0]

    backend: EnumProperty(
        name="Backend",
        description="Where the process that renders comes from",
        items=BACKEND_ITEMS,
        default="OWN",
    )
    base_python: StringProperty(
        name="Python",
        description="Whole path of a Python 3.11 to 3.14 to run the backend with; empty for "
        "Blender's own",
        subtype="FILE_PATH",
    )
    torch_build: EnumProperty(
        name="PyTorch",
        description="Which build of PyTorch Add Networks installs",
        items=TORCH_ITEMS,
        default="AUTO",
    )
    wheel_folder: StringProperty(
        name="Packages from",
        description="Folder of wheels to install from in place of the network; empty for the "
        "network",
        subtype="DIR_PATH",
    )
    existing_python: StringProperty(
        name="Python",
        description="Interpreter of an environment that has heat_backend installed",
        subtype="FILE_PATH",
    )
    weights_folder: StringProperty(
        name="Weights in",
        description="Folder of the StyleHEAT weights, such as the checkpoints folder of the "
        "authors' own repository; empty for HEAT_WEIGHTS, or a folder in your user data",
        subtype="DIR_PATH",
    )
    host: StringProperty(name="Address", description="Name or address of the other machine")
    port: IntProperty(name="Port", description="Its port", default=7653, min=1, max=65535)
    secret: StringProperty(
        name="Secret",
        description="The secret that the backend was started with (HEAT_SECRET there). It is "
        "kept in Blender's preferences file",
        subtype="PASSWORD",
    )

    show_checks: BoolProperty(
        name="What Is Well", description="Show the checks that found nothing wrong, too"
    )

    def draw(self, context: Any) -> None:
        """Draw where the backend comes from, and what that choice needs."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        named = os.environ.get(PYTHON_VARIABLE, "")
        if named:  # it wins over the choices below
            text_lines.draw(layout, context, f"Backend of {PYTHON_VARIABLE}: {named}", "INFO")
        else:
            self._draw_choice(layout, context)
        self._draw_backend_state(layout, context)
        self.draw_weights(layout, context)
        if self.backend != "REMOTE" or named:
            doctor_lines.draw(layout, context, self)

    def _draw_choice(self, layout: Any, context: Any) -> None:
        layout.prop(self, "backend")
        if self.backend == "OWN":
            self._draw_own(layout, context)
        elif self.backend == "EXISTING":
            layout.prop(self, "existing_python")
        else:
            column = layout.column(align=True)
            column.prop(self, "host")
            column.prop(self, "port")
            column.prop(self, "secret")
            note = "Movies and pictures are then written by the other machine, on its own disks."
            text_lines.draw(layout, context, note, "INFO")

    def _draw_own(self, layout: Any, context: Any) -> None:
        for kind, text in setup_job.lines(self):
            text_lines.draw(layout, context, text, kind)
        if background_jobs.running("setup"):
            job = background_jobs.find("setup")
            layout.progress(factor=job.fraction, text=f"{job.fraction:.0%}")
            row = layout.row()
            row.operator("heat.setup_cancel", icon="CANCEL")
            row.operator("heat.open_log", icon="TEXT").which = "SETUP"
            return
        if background_jobs.running("removal"):
            return
        state = choose.own_state()
        row = layout.row()
        if setup_job.problems():
            row.operator("heat.setup_backend", text="Try Again", icon="FILE_REFRESH")
        elif state.state == environment.STALE:
            row.operator_context = "EXEC_DEFAULT"  # one click: what it downloads stands above
            row.operator("heat.setup_backend", text="Renew Backend", icon="FILE_REFRESH")
        else:
            row.operator("heat.setup_backend", icon="IMPORT")
        row.operator("heat.open_log", icon="TEXT").which = "SETUP"
        if state.state == environment.READY and state.networks is None:
            layout.operator("heat.add_networks", icon="NODETREE")
        if state.state != environment.ABSENT:
            layout.operator("heat.remove_backend", icon="TRASH")
        column = layout.column()
        column.prop(self, "base_python", placeholder="Blender's own")
        column.prop(self, "torch_build")
        column.prop(self, "wheel_folder", placeholder="the network")

    def _draw_backend_state(self, layout: Any, context: Any) -> None:
        line = choose.status_line()
        if line.remedy in {"setup", "renew"} and self.backend == "OWN":
            return  # _draw_own shows it
        layout.separator()
        text_lines.draw(layout, context, line.text, line.icon)
        row = layout.row()
        row.operator("heat.backend_restart", icon="FILE_REFRESH")
        row.operator("heat.open_log", text="Open Backend Log", icon="TEXT").which = "BACKEND"

    def draw_weights(self, layout: Any, context: Any) -> None:
        """Draw the state of the weights and the buttons that fetch and check them."""
        if choose.missing() is not None:
            return  # the backend fetches them; first things first
        layout.separator()
        layout.label(text="Weights of the StyleHEAT engine (Warp needs none)")
        if self.backend == "REMOTE":
            note = "They are the other machine's: run `heat weights fetch` there."
            text_lines.draw(layout, context, note, "INFO")
            return
        for kind, text in weights_job.lines():
            text_lines.draw(layout, context, text, kind)
        if background_jobs.running("weights"):
            factor = background_jobs.find("weights").fraction
            layout.progress(factor=factor, text=f"{factor:.0%}")
            layout.operator("heat.weights_cancel", icon="CANCEL")
            return
        layout.prop(self, "weights_folder", placeholder="found by itself")
        row = layout.row()
        row.operator("heat.fetch_weights", icon="IMPORT")
        row.operator("heat.verify_weights", icon="CHECKMARK")


CLASSES = (HeatPreferences,)
