"""Which files of a folder are taken for scripts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome

Run = Callable[..., Outcome]


def _scripts(run: Run, path: str) -> list[str]:
    return [
        job["script"]
        for job in json.loads(run("check", "--output-format", "json", path).out)["jobs"]
    ]


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        # Python refuses such an import in a file that is started by its path.
        ("from ._factory import *\nimport warnings\nwarnings.warn('moved to zoo')\n", False),
        ("from ._factory import create\ncreate()\n", False),
        ("from ._factory import create\nif __name__ == '__main__':\n    create()\n", True),
        (
            "try:\n    from ._factory import create\nexcept ImportError:\n    from _factory import create\ncreate()\n",
            True,
        ),
        ("from zoo._factory import create\ncreate()\n", True),
    ],
)
def test_a_module_that_imports_relatively_is_no_script_without_a_guard(
    text: str, counts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    package = Path("zoo")
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "_factory.py").write_text("import torch\n\n\ndef create():\n    pass\n")
    (package / "factory.py").write_text(text)
    assert _scripts(run, ".") == (["zoo/factory.py"] if counts else [])
    assert _scripts(run, "zoo/factory.py") == ["zoo/factory.py"]
