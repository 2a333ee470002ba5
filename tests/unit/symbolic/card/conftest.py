"""What the tests of cards share."""

from __future__ import annotations

import pytest

from bptui.symbolic.service import Service
from tests import derivations


@pytest.fixture(scope="package")
def service() -> Service:
    """The worker of all tests."""
    return derivations.service()
