"""What requirement files of all kinds, lock files and environments are read as."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from pathlib import Path

import pytest

from mljob_codemod.checking import check
from mljob_codemod.config import Settings
from mljob_codemod.errors import InputError
from mljob_codemod.payload_tree import read_payload
from mljob_codemod.requirements.declared import Trouble, declared
from mljob_codemod.requirements.locks import Environment, read_lock
from mljob_codemod.requirements.search import Declarations, DeclarationSearch, read_file

HERE = Path("x")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(name: str, text: str) -> list[str]:
    Path(name).write_text(text, encoding="utf-8")
    found = read_file(Path(name))
    return [] if found is None else [f"{each.line}: {each.text}" for each in found.requirements]


def test_requirements_txt() -> None:
    Path("more.txt").write_text("-r requirements.txt\npandas\n")  # a circle ends
    Path("constraints.txt").write_text("scipy==1.0\n")
    text = (
        "# a comment\n\nnumpy >=1.2, \\\n   <2 --hash=sha256:ab # why\n-rmore.txt\n-c constraints.txt\n--pre\n"
        "--extra-index-url https://wheels.example/simple\nrequests[socks]\n-e git+https://git.example/a/Clip.git@v1\n"
        "./dist/own-1.0-py3-none-any.whl\nhttps://wheels.example/b_c-2.0-py3-none-any.whl\nnot a line\n--never\n"
    )
    assert lines("requirements.txt", text) == [
        "3: numpy >=1.2,<2",
        "2: pandas",
        "9: requests[socks]",
        "10: git+https://git.example/a/Clip.git@v1",
        "11: ./dist/own-1.0-py3-none-any.whl",
        "12: https://wheels.example/b_c-2.0-py3-none-any.whl",
    ]
    found = read_file(Path("requirements.txt"))
    assert found is not None
    names = [each.name for each in found.requirements]
    assert names == ["numpy", "pandas", "requests", "clip", "own", "b-c"]
    assert [(each.trouble, each.line) for each in found.problems] == [
        (Trouble.MISSING, 11),
        (Trouble.INVALID, 13),
        (Trouble.INVALID, 14),
    ]
    assert {host for host, _, _ in found.hosts} == {"wheels.example", "git.example"}


def test_requirements_txt_as_powershell_writes_it() -> None:
    Path("requirements.txt").write_bytes("timm==1.0\r\n".encode("utf-16"))
    found = read_file(Path("requirements.txt"))
    assert found is not None
    assert [each.text for each in found.requirements] == ["timm==1.0"]


def test_pyproject_poetry_setup_cfg_pipfile_and_conda() -> None:
    assert lines(
        "pyproject.toml",
        '[project]\ndependencies = ["a>1"]\n[project.optional-dependencies]\ngpu = ["b"]\n'
        '[tool.poetry.dependencies]\npython = "^3.10"\nc = "^0.0.3"\nd = { version = "~1.2", extras = ["x"] }\n'
        'e = { git = "https://git.example/e", rev = "f" }\ng = "1.0"\nh = ">=1 || 3"\n',
    ) == [
        "2: a>1",
        "4: b",
        "7: c>=0.0.3,<0.0.4",
        "8: d[x]>=1.2,<1.3",
        "9: e @ git+https://git.example/e@f",
        "10: g==1.0",
        "11: h",
    ]
    assert lines(
        "setup.cfg",
        "[options]\ninstall_requires =\n    a>=1\n    b\n[options.extras_require]\nx = c\n",
    ) == ["3: a>=1", "4: b", "6: c"]
    assert lines("Pipfile", '[packages]\na = "*"\nb = {version = "==2"}\n') == ["2: a", "3: b==2"]
    assert lines(
        "environment.yml",
        "dependencies:\n  - python=3.10\n  - conda-forge::pytorch=2.0=cuda\n  - pip:\n    - timm==0.9\n",
    ) == ["3: torch==2.0.*", "5: timm==0.9"]
    assert lines("setup.cfg", "[metadata]\nname = x\n") == []


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("pyproject.toml", "a = 1\nb = \n", 2),
        ("environment.yml", "a: [\n", 2),
        ("setup.cfg", "no section\n", None),
    ],
)
def test_a_file_that_does_not_parse_is_named(name: str, text: str, line: int | None) -> None:
    Path(name).write_text(text)
    with pytest.raises(InputError) as caught:
        read_file(Path(name))
    assert (caught.value.path, caught.value.line) == (name, line)
    Path("train.py").write_text("import timm\n\nprint(timm)\n")
    report = check([Path("train.py")], Settings())
    assert [(each.code, each.location.path) for each in report.findings] == [("MLJ506", name)]


def test_locks() -> None:
    Path("poetry.lock").write_text(
        '[[package]]\nname = "A.b"\nversion = "1"\n[[package]]\nname = "two"\nversion = "1"\n'
        '[[package]]\nname = "two"\nversion = "2"\n[[package]]\nname = "here"\nversion = "0"\n'
        '[package.source]\ntype = "directory"\nurl = "."\n'
    )
    assert dict(read_lock(Path("poetry.lock"))) == {"a-b": "1"}
    Path("Pipfile.lock").write_text('{"default": {"c": {"version": "==3"}, "d": {}}}')
    assert dict(read_lock(Path("Pipfile.lock"))) == {"c": "3"}


@pytest.mark.parametrize(
    ("text", "pin", "line"),
    [
        ("torch==2.2.0+cu118", None, "torch==2.2.0"),
        ("a[x]>=1 ; python_version > '3.9'", "1.5", "a[x]==1.5 ; python_version > '3.9'"),
        ("a @ https://x.example/a.whl", "1", "a @ https://x.example/a.whl"),
    ],
)
def test_line_for_pip(text: str, pin: str | None, line: str) -> None:
    found = declared(text, HERE, 1)
    assert found is not None
    assert found.requirement(pin) == line


def test_markers_are_those_of_a_job() -> None:
    for text, holds in (
        ("a; sys_platform == 'win32'", False),
        ("a; python_version >= '3.12'", False),
        ("a; platform_machine == 'x86_64'", True),
    ):
        found = declared(text, HERE, 1)
        assert found is not None
        assert found.applies("3.11") is holds


def _installed(folder: Path, name: str, version: str, module: str) -> None:
    info = folder / f".venv/lib/python3.11/site-packages/{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "top_level.txt").write_text(f"{module}\n")
    (folder / ".venv/pyvenv.cfg").touch()


def test_pins_of_the_environment_are_taken_only_when_asked_for(folder: Path) -> None:
    _installed(folder, "timm", "1.0.9+local", "timm")
    _installed(folder, "acme-vision", "3.0", "acme_eyes")
    Path("train.py").write_text("import acme_eyes\nimport timm\n\nprint(acme_eyes, timm)\n")
    Path("pyproject.toml").write_text('[project]\ndependencies = ["timm"]\n')

    def installs(pins: str) -> list[str]:
        return check([Path("train.py")], Settings(pins=pins)).jobs[0].pip_requirements

    assert installs("declared") == ["acme-vision", "timm"]
    assert installs("environment") == ["acme-vision==3.0", "timm==1.0.9"]


def test_a_folder_of_this_machine_is_no_distribution(folder: Path) -> None:
    _installed(folder, "acme", "1.0", "acme")
    (info,) = folder.glob(".venv/lib/*/*/acme-1.0.dist-info")
    assert Environment(folder / ".venv").providing("acme") == "acme"
    (info / "direct_url.json").write_text('{"url": "file:///home/me/acme"}')
    assert Environment(folder / ".venv").providing("acme") is None


def test_an_environment_is_read_once(folder: Path) -> None:
    _installed(folder, "acme", "1.0", "acme")
    (info,) = folder.glob(".venv/lib/*/*/acme-1.0.dist-info")
    _installed(folder, "acme-files", "1.0", "")
    (files,) = folder.glob(".venv/lib/*/*/acme-files-1.0.dist-info")
    (files / "top_level.txt").unlink()
    (files / "RECORD").write_text(
        "acme_alone.py,,\nacme_folder/__init__.py,,\nacme_folder/a.py,,\n"
    )
    environment = Environment(folder / ".venv")
    assert environment.providing("nothing") is None
    (info / "top_level.txt").unlink()
    (files / "RECORD").unlink()
    for module in ("acme_alone", "acme_folder"):
        assert environment.providing(module) == "acme-files"
    assert environment.providing("acme") == "acme"


def test_scripts_share_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(folder, "acme-vision", "3.0", "acme_eyes")
    for name in ("one.py", "two.py"):
        Path(name).write_text("import acme_eyes\nimport acme_ears\n\nprint(acme_eyes, acme_ears)\n")
    asked: list[list[str]] = []
    read = importlib.metadata.distributions

    def count(path: list[str]) -> Iterable[importlib.metadata.Distribution]:
        asked.append(path)
        return read(path=path)

    monkeypatch.setattr(importlib.metadata, "distributions", count)
    report = check([Path("one.py"), Path("two.py")], Settings())
    assert [plan.pip_requirements for plan in report.jobs] == [["acme-vision"]] * 2
    assert len(asked) == 1


def test_the_nearest_folder_speaks_for_a_script(folder: Path) -> None:
    Path("requirements.txt").write_text("a\n")
    for name, text in (("near", "b\n"), ("bare", "")):
        Path(name).mkdir()
        if text:
            Path(name, "requirements.txt").write_text(text)

    def names(script: str, text: str = "") -> Declarations:
        return DeclarationSearch().of_script(folder / script, text)

    assert names("near/train.py").names == {"b"}
    assert names("bare/train.py").names == {"a"}
    block = '# /// script\n# dependencies = ["c"]\n# ///\n'
    assert names("near/train.py", block).names == {"c"}


def test_payload_is_what_submit_job_sends(folder: Path) -> None:
    for path in (
        "train.py",
        "data/x.csv",
        ".git/config",
        "env/pyvenv.cfg",
        "a/.env",
        "environment.yml",
    ):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text("12345")
    Path("data/loop").symlink_to(folder)
    tree = read_payload(folder)
    assert tree.sizes == {"train.py": 5, "data/x.csv": 5}
    assert set(tree.left_out) == {".git/", "env/", "a/.env", "environment.yml"}
