"""What tests of planning share."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.planning.processes import Processes


@pytest.fixture
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """A scheduler, yet without workers."""
    pytest.importorskip("distributed")
    with closing(Processes(tmp_path_factory.mktemp("cluster"))) as found:
        yield found
