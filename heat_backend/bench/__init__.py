# SPDX-License-Identifier: GPL-3.0-or-later
"""The project's own benchmark.

Each section is a module of this package with a function ``rows(settings, report)`` that measures
and returns a list of :class:`heat_backend.bench.rows.Row`; ``report(text)`` says what is being
measured.
"""

from heat_backend.bench.rows import Row, medians_ms

__all__ = ["Row", "medians_ms"]
