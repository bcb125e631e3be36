"""Scripts of one folder that are converted one after the other come to what all at once come to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome

Run = Callable[..., Outcome]
WRITES = """\
import json


def main():
    with open("{name}.json", "w") as file:
        json.dump(1, file)
    return 1


if __name__ == "__main__":
    main()
"""


def lay_out(files: dict[str, str]) -> None:
    for name, text in files.items():
        Path(name).write_text(text)


def project() -> dict[str, str]:
    """The Python files of the working directory."""
    return {path.name: path.read_text() for path in sorted(Path().glob("*.py"))}


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Enter an empty folder of the given name."""

    def enter(name: str) -> None:
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)

    return enter


def assert_order_is_free(
    work: Callable[[str], None], run: Run, files: dict[str, str], scripts: list[str]
) -> dict[str, str]:
    """Convert ``files`` at once, and script by script in both orders: the same text each time."""
    work("at_once")
    lay_out(files)
    assert run("apply").status == 0
    at_once = project()
    for order in (scripts, scripts[::-1]):
        work("_".join(order))
        lay_out(files)
        for script in [*order, *order]:
            assert run("apply", script).status == 0
        assert run("apply", "--check").status == 0
        assert project() == at_once
    return at_once


def test_a_script_converted_later_joins_those_in_submit_job(
    work: Callable[[str], None], run: Run
) -> None:
    files = {"fit.py": WRITES.format(name="fit"), "score.py": WRITES.format(name="score")}
    converted = assert_order_is_free(work, run, files, ["fit.py", "score.py"])
    assert '"fit.py": Job(' in converted["submit_job.py"]
    assert '"score.py": Job(' in converted["submit_job.py"]


def test_a_script_that_is_gone_is_no_longer_submitted(
    work: Callable[[str], None], run: Run
) -> None:
    work("gone")
    lay_out({"fit.py": WRITES.format(name="fit"), "score.py": WRITES.format(name="score")})
    assert run("apply").status == 0
    Path("score.py").unlink()
    assert run("apply", "fit.py").status == 0
    assert "score.py" not in Path("submit_job.py").read_text()
