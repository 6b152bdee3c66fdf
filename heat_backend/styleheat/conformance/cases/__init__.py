# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorded cases that ``heat conformance`` can run, by name: networks, and procedures.

A case is a function of a :class:`~heat_backend.styleheat.conformance.synthetic.CaseRun` that
returns its outputs by name.
"""

from __future__ import annotations

from heat_backend.styleheat.conformance.cases import networks, procedures

ALL_CASES = networks.CASES | procedures.CASES
