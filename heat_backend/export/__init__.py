# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering a motion clip to a PNG sequence or a movie that can be resumed."""

from heat_backend.export.run import ExportResult, check_target, export, is_movie_name
from heat_backend.export.shot import portrait_key
from heat_backend.export.storage import Occupied

__all__ = ["ExportResult", "Occupied", "check_target", "export", "is_movie_name", "portrait_key"]
