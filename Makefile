# SPDX-License-Identifier: GPL-3.0-or-later
# make demo | make check | make test | make bench | make addon | make weights | make blender | make conformance
# make screenshots
# Everything is made under this folder; nothing is installed outside it, but for what `make weights`
# (your user data) and `make blender` (that Blender's extensions) are there to install.

PYTHON ?=
PORTRAIT ?=
BLENDER ?=
VENV := .venv
PY := $(VENV)/bin/python

# The Python that makes environments: the one named, else the first of these that can.
ifeq ($(PYTHON),)
CANDIDATES := python3.11 python3.12 python3.13 python3.14 python3 $(PY)
else
CANDIDATES := $(PYTHON)
endif
SUITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))
define find_python
found=; unable=; for p in $(CANDIDATES); do \
  "$$p" -c '$(SUITS)' >/dev/null 2>&1 || continue; \
  if "$$p" -c 'import ensurepip, venv' >/dev/null 2>&1; then found=$$p; break; fi; \
  unable=$${unable:-$$p}; \
done; \
if [ -z "$$found" ] && [ -n "$$unable" ]; then \
  v=$$("$$unable" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
  echo "error: $$unable cannot make environments: sudo apt install python$$v-venv" >&2; exit 1; \
fi; \
if [ -z "$$found" ]; then \
  echo "error: $(if $(PYTHON),PYTHON=$(PYTHON) is not Python 3.11 to 3.14,there is no Python 3.11 to 3.14 here): install one (Debian, Ubuntu: sudo apt install python3 python3-venv; macOS: brew install python), or name it: make PYTHON=/path/to/python3 ..." >&2; exit 1; \
fi
endef

.PHONY: help demo check test bench addon weights blender conformance screenshots edit-pages clean
.PHONY: environment environments networks networks-if-any bpy-environment
help:
	@echo "make demo [PORTRAIT=photo.jpg]  a photo performs: out/demo.mp4, out/demo.blend, out/contact_sheet.png"
	@echo "make check                      lint, types and fast tests: about a minute"
	@echo "make test [BLENDER=path]        lint, types, unit, headless Blender and window tests"
	@echo "make bench [BLENDER=path]       the benchmark on this machine"
	@echo "make addon                      the extension zip, in dist/"
	@echo "make addon BUNDLE='linux-x86_64 3.13'   the same with all wheels, for machines without internet"
	@echo "make weights                    fetches the StyleHEAT weights, after showing their licences"
	@echo "make conformance                the StyleHEAT networks against recorded numbers"
	@echo "make blender [BLENDER=path]     installs the add-on in this Blender and opens it, backend ready"
	@echo "make screenshots BLENDER=path   the pictures of docs/"
	@echo "make edit-pages                 docs/EDITS.md: every edit, before and after"

demo: environment bpy-environment
	@BLENDER="$(BLENDER)" $(PY) -m demo $(if $(PORTRAIT),--portrait "$(PORTRAIT)")

check: environment networks-if-any
	@$(PY) tests/run_all.py check

test: environments
	@BLENDER="$(BLENDER)" $(PY) tests/run_all.py

bench: environment networks-if-any bpy-environment
	@BLENDER="$(BLENDER)" $(PY) -m bench

addon: environment
	@$(PY) build_addon.py $(if $(BLENDER),--blender "$(BLENDER)") $(if $(BUNDLE),--bundle $(BUNDLE))

weights: environment networks
	@$(PY) -m heat_backend weights fetch

conformance: environment networks
	@$(PY) -m heat_backend conformance

blender: addon
	@command -v "$(or $(BLENDER),blender)" >/dev/null || { \
	  echo "error: there is no Blender on PATH: make blender BLENDER=/path/to/blender" >&2; exit 1; }
	@"$(or $(BLENDER),blender)" --command extension install-file -r user_default -e "$$(ls -t dist/heat-*.zip | head -n 1)"
	@HEAT_BACKEND_PYTHON="$(CURDIR)/$(PY)" "$(or $(BLENDER),blender)" $(BLENDER_ARGUMENTS)

screenshots: environment
	@BLENDER="$(BLENDER)" $(PY) docs/make_screenshots.py

edit-pages: environment
	@$(PY) docs/make_edit_pages.py

environment:
	@$(find_python); "$$found" tools/environments.py --python "$$found" main $(if $(PYTHON),&& $(told_if_another))

# All, as far as this machine has the Pythons for them; a line says which are left out.
environments: environment networks-if-any
	@$(PY) tools/environments.py py313 bpy42 bpy45 bpy50 bpy53

# torch: needed, or only where it can be had without gigabytes.
networks: environment
	@$(PY) tools/environments.py networks

networks-if-any: environment
	@$(PY) tools/environments.py 'networks?'

# Blender as a module, for the demo's .blend files, where there is a Python for it.
bpy-environment: environment
	@$(if $(BLENDER),true,$(PY) tools/environments.py bpy)

BASE := import os, sys; print(os.path.realpath(sys.base_prefix))
define told_if_another
if [ "$$($(PY) -c '$(BASE)')" != "$$("$$found" -c '$(BASE)')" ]; then \
  echo "note: $(VENV) was made with another Python and is used; delete it to have it made with $(PYTHON)"; fi
endef

clean:
	rm -rf build dist out
