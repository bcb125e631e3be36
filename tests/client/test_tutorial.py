"""The commands of docs/tutorial.md, run in their order against the local account."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.tutorial import TUTORIAL, renewed

pytestmark = [pytest.mark.client, pytest.mark.slow]


def test_the_walk_goes_as_it_is_told(tmp_path: Path) -> None:
    if find_spec("snowflake") is None or sys.version_info[:2] > (3, 12):
        pytest.skip("the commands run in this Python, which has no client")
    text = TUTORIAL.read_text(encoding="utf-8")
    # Sizes and scores differ between releases of the libraries.
    told, came = (re.sub(r"[\d,.]+", "0", each) for each in (text, renewed(text, tmp_path)))
    assert came == told, "run: python -m tests.tutorial"
