# SPDX-License-Identifier: GPL-3.0-or-later
"""Without torch, the extra ``networks``, all of this folder is skipped.

The face of another topology is made once for all tests.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import face_model
from heat_backend.engines import networks
from heat_backend.styleheat.bfm.basel import read_basel
from heat_backend.styleheat.bfm.expression_map import ExpressionMap, fit_expression_map

sys.path.insert(0, str(Path(__file__).parent))
import other_face


@pytest.fixture(scope="session")
def other() -> other_face.OtherFace:
    return other_face.make(face_model.load(), rows=90, columns=80)


@pytest.fixture(scope="session")
def basel_folder(other: other_face.OtherFace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints") / "BFM"
    other_face.write(other, folder)
    return folder


@pytest.fixture(scope="session")
def fitted(basel_folder: Path) -> ExpressionMap:
    return fit_expression_map(face_model.load(), read_basel(basel_folder))


class SkippedModule(pytest.Module):
    """Tests of a file that cannot be imported here."""

    def collect(self) -> Iterator[pytest.Item]:
        pytest.skip("needs torch, the extra networks", allow_module_level=True)


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    if networks.are_here():
        return None
    return SkippedModule.from_parent(parent, path=module_path)
