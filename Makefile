# SPDX-License-Identifier: GPL-3.0-or-later
# make demo | make check | make test | make bench | make addon | make weights | make blender | make conformance
# make screenshots
# Everything is made under this folder; nothing is installed outside it, but for what `make weights`
# (your user data) and `make blender` (that Blender's extensions) are there to install.

PYTHON ?= python3.11
PORTRAIT ?=
BLENDER ?=
# On Linux pip's own torch brings gigabytes of CUDA; without an NVIDIA card the CPU build is taken
# from PyTorch's index, when that can be reached. TORCH_INDEX= (empty) leaves the choice to pip.
ifeq ($(shell uname -s)$(shell command -v nvidia-smi 2>/dev/null),Linux)
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
endif
# What bpy and opencv load on Debian and Ubuntu, absent on a machine without a desktop.
LIBRARIES := libgl1 libegl1 libsm6 libxi6 libxrender1 libxfixes3 libxkbcommon0 libglib2.0-0 libgomp1

TORCH = $(shell sed -n 's/^ *"\(torch==[^"]*\)".*/\1/p' pyproject.toml)
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
READY42 := .venv-bpy42/.ready
READY45 := .venv-bpy45/.ready
# Twice quiet: errors are told, warnings about a machine's own index settings are not.
PIP := -m pip install -qq --disable-pip-version-check
BPY42 := bpy==4.2.23
BPY45 := bpy==4.5.15
PYTEST := pytest==9.2.0
SETUPTOOLS := setuptools==84.2.1

# A Python that is named although there is an environment already is looked at too.
ifeq ($(origin PYTHON)$(if $(wildcard $(PY)),,none),command line)
GIVEN_PYTHON := given-python
endif

.PHONY: help demo check test bench addon weights blender conformance screenshots edit-pages environment given-python clean
help:
	@echo "make demo [PORTRAIT=photo.jpg]  a photo performs: out/demo.mp4, out/demo.blend, out/contact_sheet.png"
	@echo "make check                      lint, types and fast tests: about a minute"
	@echo "make test [BLENDER=path]        lint, types, unit, headless Blender and window tests"
	@echo "make bench [BLENDER=path]       the benchmark on this machine"
	@echo "make addon                      the extension zip, in dist/"
	@echo "make weights                    fetches the StyleHEAT weights, after showing their licences"
	@echo "make conformance                the StyleHEAT networks against recorded numbers"
	@echo "make blender [BLENDER=path]     installs the add-on in this Blender and opens it, backend ready"
	@echo "make screenshots BLENDER=path   the pictures of docs/"
	@echo "make edit-pages                 docs/EDITS.md: every edit, before and after"

demo: $(READY)
	@$(PY) -m demo $(if $(PORTRAIT),--portrait "$(PORTRAIT)")

check: $(READY)
	@$(PY) tests/run_all.py check

test: $(READY) $(READY42) $(READY45)
	@BLENDER="$(BLENDER)" $(PY) tests/run_all.py

bench: $(READY)
	@BLENDER="$(BLENDER)" $(PY) -m bench

addon: $(READY)
	@$(PY) build_addon.py $(if $(BLENDER),--blender "$(BLENDER)")

weights: $(READY)
	@$(PY) -m heat_backend weights fetch

conformance: $(READY)
	@$(PY) -m heat_backend conformance

blender: addon
	@command -v "$(or $(BLENDER),blender)" >/dev/null || { \
	  echo "error: there is no Blender on PATH: make blender BLENDER=/path/to/blender" >&2; exit 1; }
	@"$(or $(BLENDER),blender)" --command extension install-file -r user_default -e "$$(ls -t dist/heat-*.zip | head -n 1)"
	@HEAT_BACKEND_PYTHON="$(CURDIR)/$(PY)" "$(or $(BLENDER),blender)" $(BLENDER_ARGUMENTS)

screenshots: $(READY)
	@BLENDER="$(BLENDER)" $(PY) docs/make_screenshots.py

edit-pages: $(READY)
	@$(PY) docs/make_edit_pages.py

environment: $(READY)

# Checked before an environment is made, so that the message is the only thing to read.
define check_python
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
  echo "error: Python 3.11 is needed and '$(PYTHON)' is not one. Install it, then run make again:"; \
  echo "  Debian 12     sudo apt install python3.11 python3.11-venv"; \
  echo "  Ubuntu        sudo add-apt-repository ppa:deadsnakes/ppa && sudo apt install python3.11 python3.11-venv"; \
  echo "  macOS         brew install python@3.11"; \
  echo "  elsewhere     make PYTHON=/path/to/python3.11 demo"; exit 1; } >&2
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
  echo "error: this Python 3.11 cannot make environments: sudo apt install python3.11-venv"; exit 1; } >&2
endef

given-python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	  echo "error: PYTHON=$(PYTHON) is not Python 3.11, which Heat needs: leave it out, $(VENV) has one" >&2; exit 1; }
	@base='import os, sys; print(os.path.realpath(sys.base_prefix))'; \
	[ "$$($(PY) -c "$$base")" = "$$($(PYTHON) -c "$$base")" ] || \
	  echo "note: $(VENV) was made with another Python 3.11 and is used; delete it to have it made with $(PYTHON)"

define missing_libraries
  echo "error: Blender's module or OpenCV does not load, most often for want of system libraries:"; \
  echo "  sudo apt install $(LIBRARIES)"; exit 1;
endef

$(READY): pyproject.toml | $(GIVEN_PYTHON)
	$(check_python)
	@echo "environment: $(VENV) (the first time takes minutes and about 3 GB)"
	@[ -x $(PY) ] || $(PYTHON) -m venv $(VENV)
	@$(PY) $(PIP) $(SETUPTOOLS)
	$(if $(TORCH_INDEX),@echo "  torch ..." && $(PY) $(PIP) --retries 0 --extra-index-url $(TORCH_INDEX) $(TORCH))
	@echo "  Blender's module, the face detector and the rest (the longest step) ..."
	@$(PY) $(PIP) --no-build-isolation --editable '.[dev]'
	@$(PY) -c 'import bpy, cv2' >/dev/null || { $(missing_libraries) }
	@touch $@

$(READY42): Makefile | $(GIVEN_PYTHON)
	$(check_python)
	@echo "environment: .venv-bpy42 ($(BPY42), about 1 GB)"
	@[ -x .venv-bpy42/bin/python ] || $(PYTHON) -m venv .venv-bpy42
	@.venv-bpy42/bin/python $(PIP) $(BPY42) $(PYTEST)
	@.venv-bpy42/bin/python -c 'import bpy' >/dev/null || { $(missing_libraries) }
	@touch $@

$(READY45): Makefile | $(GIVEN_PYTHON)
	$(check_python)
	@echo "environment: .venv-bpy45 ($(BPY45), about 1 GB)"
	@[ -x .venv-bpy45/bin/python ] || $(PYTHON) -m venv .venv-bpy45
	@.venv-bpy45/bin/python $(PIP) $(BPY45) $(PYTEST)
	@.venv-bpy45/bin/python -c 'import bpy' >/dev/null || { $(missing_libraries) }
	@touch $@

clean:
	rm -rf build dist out
