# SPDX-License-Identifier: GPL-3.0-or-later
"""GAN inversion: a portrait to W+ codes and a feature of the generator, and its cache."""
