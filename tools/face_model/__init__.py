# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the shipped face model from a morphable model of the head.

The parts, in the order in which data flows: ``kit`` reads the source, ``collapse``
thins a mesh, ``skin``, ``mouth`` and ``eyes`` make the parts, ``tongue`` and ``lids``
author what the source lacks, ``landmarks`` places the tracker's points, ``pack``
writes the file, ``build`` runs it all by hand.
"""
