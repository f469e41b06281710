"""Contracts that every plug-in must pass, ours and yours: a fixture of yours, our tests.

class TestFolder(SourceContract):
    @pytest.fixture
    def source(self, tmp_path): ...
"""

from lockgroove.testing.sources import SourceContract
from lockgroove.testing.storages import StorageContract

__all__ = ["SourceContract", "StorageContract"]
