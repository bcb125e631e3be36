"""What a name refers to, across imports, aliases, constants and the layouts that projects have."""

from __future__ import annotations

from pathlib import Path

import pytest

from mljob_codemod.analysis.names import Definition, External
from mljob_codemod.checking import open_job
from mljob_codemod.codemods.base import Job
from mljob_codemod.config import Settings
from mljob_codemod.discovery import discover, shown_path
from mljob_codemod.project import Project
from mljob_codemod.syntax.reading import read_files
from tests.conversion import working_folder

Files = dict[str, str]


def job_of(folder: Path, files: Files, script: str = "train.py") -> Job:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    with working_folder(folder):
        discovery = discover([Path(script)], Settings())
        read = read_files([(file.path, file.shown) for file in discovery.files])
        project = Project(read, shown_path)
        (facts,) = project.scripts({file.path for file in discovery.files})
        return open_job(project, facts, Settings())[0]


def called(job: Job) -> set[str]:
    """The names of what the reach calls: qualified for libraries, plain for the project's own."""
    found: set[str] = set()
    for site in job.program.sites():
        for entity in job.program.entities(site.call.func, site.scope):
            if isinstance(entity, External):
                found.add(entity.name)
            elif isinstance(entity, Definition):
                found.add(entity.node.name)
    return found


def texts_of(job: Job, function: str = "use") -> set[str]:
    """The texts that the first argument of the calls of ``function`` may have; an option's is its default."""
    found: set[str] = set()
    for site in job.program.sites_named(function):
        for value in job.paths.values(site.call.args[0].value, site.scope):
            defaults = job.paths.default_values(value.option) if value.option else (value,)
            found |= {default.text + (value.text if value.option else "") for default in defaults}
    return found


IMPORTS = {
    "import as": "import torch as t\nt.save(1)\n",
    "import of a submodule as": "import torch.nn as nn\nimport torch\ntorch.save(nn)\n",
    "from import as": "from torch import save as keep\nkeep(1)\n",
    "in a function": "def main():\n    import torch\n    torch.save(1)\nmain()\n",
    "in a function, by name": "def main():\n    from torch import save\n    save(1)\nmain()\n",
    "guarded": "try:\n    import torch\nexcept ImportError:\n    torch = None\ntorch.save(1)\n",
    "guarded with another": "try:\n    from torch import save\nexcept ImportError:\n    from pickle import dump as save\nsave(1)\n",
    "under a condition": "import sys\nif sys.version_info > (3,):\n    import torch\ntorch.save(1)\n",
    "module under another name": "import torch\nt = torch\nt.save(1)\n",
    "function under another name": "import torch\nsave = torch.save\nsave(1)\n",
    "function kept in a class": "import torch\nclass Tools:\n    save = torch.save\nTools.save(1)\n",
    "function kept on self": "import torch\nclass A:\n    def __init__(self):\n        self.save = torch.save\n    def run(self):\n        self.save(1)\nA().run()\n",
    "a choice of functions": "import torch, pickle, sys\nsave = torch.save if sys.argv else pickle.dump\nsave(1)\n",
    "or": "import torch\nf = None or torch.save\nf(1)\n",
    "star import of a library": "from torch import *\nsave(1)\n",
    "import_module": "import importlib\ntorch = importlib.import_module('torch')\ntorch.save(1)\n",
    "__import__": "torch = __import__('torch')\ntorch.save(1)\n",
    "partial": "import torch\nfrom functools import partial\nsave = partial(torch.save, pickle_protocol=4)\nsave(1)\n",
}


@pytest.mark.parametrize("text", IMPORTS.values(), ids=IMPORTS.keys())
def test_a_library_is_known_under_every_name(text: str, tmp_path: Path) -> None:
    assert "torch.save" in called(job_of(tmp_path, {"train.py": text + "print('end')\n"}))


def test_a_chain_of_attributes_under_another_name(tmp_path: Path) -> None:
    text = "import torchvision\nm = torchvision.models\nr = m.resnet\nr.resnet18()\nm.vgg16()\n"
    assert called(job_of(tmp_path, {"train.py": text})) == {
        "torchvision.models.resnet.resnet18",
        "torchvision.models.vgg16",
    }


SAVE = "import torch\ndef keep(x):\n    torch.save(x)\n"
LAYOUTS: dict[str, tuple[Files, str]] = {
    "sibling": ({"train.py": "import helpers\nhelpers.keep(1)\n", "helpers.py": SAVE}, "train.py"),
    "sibling of a script in a folder": (
        {"jobs/train.py": "from helpers import keep\nkeep(1)\n", "jobs/helpers.py": SAVE},
        "jobs/train.py",
    ),
    "from the project's top": (
        {
            "setup.py": "",
            "jobs/train.py": "from lib.helpers import keep\nkeep(1)\n",
            "lib/__init__.py": "",
            "lib/helpers.py": SAVE,
        },
        "jobs/train.py",
    ),
    "package": (
        {
            "train.py": "import lib.helpers as h\nh.keep(1)\n",
            "lib/__init__.py": "",
            "lib/helpers.py": SAVE,
        },
        "train.py",
    ),
    "package by its whole name": (
        {
            "train.py": "import lib.helpers\nlib.helpers.keep(1)\n",
            "lib/__init__.py": "",
            "lib/helpers.py": SAVE,
        },
        "train.py",
    ),
    "re-export by a package": (
        {
            "train.py": "from lib import keep\nkeep(1)\n",
            "lib/__init__.py": "from .helpers import keep\n",
            "lib/helpers.py": SAVE,
        },
        "train.py",
    ),
    "re-export under another name": (
        {
            "train.py": "import lib\nlib.store(1)\n",
            "lib/__init__.py": "from .helpers import keep as store\n",
            "lib/helpers.py": SAVE,
        },
        "train.py",
    ),
    "re-export by a star": (
        {
            "train.py": "from lib import *\nkeep(1)\n",
            "lib/__init__.py": "from .helpers import *\n",
            "lib/helpers.py": SAVE,
        },
        "train.py",
    ),
    "re-export of re-exports": (
        {
            "train.py": "from a import keep\nkeep(1)\n",
            "a/__init__.py": "from .b import keep\n",
            "a/b/__init__.py": "from .c import *\n",
            "a/b/c.py": SAVE,
        },
        "train.py",
    ),
    "relative in a package": (
        {
            "train.py": "from lib.core import run\nrun()\n",
            "lib/__init__.py": "",
            "lib/core.py": "from .helpers import keep\ndef run():\n    keep(1)\n",
            "lib/helpers.py": SAVE,
        },
        "train.py",
    ),
    "relative to the package above": (
        {
            "train.py": "from lib.deep.core import run\nrun()\n",
            "lib/__init__.py": "",
            "lib/helpers.py": SAVE,
            "lib/deep/__init__.py": "",
            "lib/deep/core.py": "from ..helpers import keep\ndef run():\n    keep(1)\n",
        },
        "train.py",
    ),
    "relative module": (
        {
            "train.py": "from lib.core import run\nrun()\n",
            "lib/__init__.py": "",
            "lib/core.py": "from . import helpers\ndef run():\n    helpers.keep(1)\n",
            "lib/helpers.py": SAVE,
        },
        "train.py",
    ),
    "star import of a module": (
        {"train.py": "from helpers import *\nkeep(1)\n", "helpers.py": SAVE},
        "train.py",
    ),
    "star import of what a module imports": (
        {"train.py": "from helpers import *\ntorch.save(1)\n", "helpers.py": "import torch\n"},
        "train.py",
    ),
    "namespace package": (
        {"train.py": "from lib.tools.helpers import keep\nkeep(1)\n", "lib/tools/helpers.py": SAVE},
        "train.py",
    ),
    "namespace package, module": (
        {"train.py": "from lib import helpers\nhelpers.keep(1)\n", "lib/helpers.py": SAVE},
        "train.py",
    ),
    "src layout": (
        {
            "pyproject.toml": "",
            "scripts/train.py": "from mypkg.helpers import keep\nkeep(1)\n",
            "src/mypkg/__init__.py": "",
            "src/mypkg/helpers.py": SAVE,
        },
        "scripts/train.py",
    ),
    "run as a module": (
        {
            "pkg/__init__.py": "",
            "pkg/train.py": "from pkg.helpers import keep\nkeep(1)\n",
            "pkg/helpers.py": SAVE,
        },
        "pkg/train.py",
    ),
    "run as a module, relative": (
        {
            "pkg/__init__.py": "",
            "pkg/train.py": "from .helpers import keep\nif __name__ == '__main__':\n    keep(1)\n",
            "pkg/helpers.py": SAVE,
        },
        "pkg/train.py",
    ),
    "run as a module in a namespace package": (
        {
            "pkg/train.py": "from .helpers import keep\nif __name__ == '__main__':\n    keep(1)\n",
            "pkg/helpers.py": SAVE,
        },
        "pkg/train.py",
    ),
    "lazy import of a module": (
        {"train.py": "def main():\n    from helpers import keep\n    keep(1)\nmain()\n", "helpers.py": SAVE},
        "train.py",
    ),
    "guarded import of a module": (
        {
            "train.py": "try:\n    from lib.helpers import keep\nexcept ImportError:\n    from helpers import keep\nkeep(1)\n",
            "helpers.py": SAVE,
        },
        "train.py",
    ),
    "cycle": (
        {
            "train.py": "import a\na.run()\n",
            "a.py": "import b\ndef run():\n    b.keep(1)\n",
            "b.py": "import a\nimport torch\ndef keep(x):\n    torch.save(x)\n",
        },
        "train.py",
    ),
    "cycle of stars": (
        {
            "train.py": "from a import *\nkeep(1)\n",
            "a.py": "from b import *\n",
            "b.py": "from a import *\n" + SAVE,
        },
        "train.py",
    ),
    "missing module beside": (
        {"train.py": "import gone\nfrom helpers import keep\nkeep(gone.x)\n", "helpers.py": SAVE},
        "train.py",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "script"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_local_modules_are_followed(files: Files, script: str, tmp_path: Path) -> None:
    found = called(job_of(tmp_path, files, script))
    assert "torch.save" in found
    assert "keep" in found or "torch.save(1)" in files[script]


def test_a_local_module_hides_a_library_of_its_name(tmp_path: Path) -> None:
    files = {"train.py": "from utils import save\nsave(1)\n", "utils.py": "def save(x): ...\n"}
    assert called(job_of(tmp_path, files)) == {"save"}


def test_a_missing_relative_module_is_no_problem(tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/train.py": "from .gone import keep\nfrom . import lost\nkeep(1)\nlost.run()\nprint(1)\n",
    }
    assert called(job_of(tmp_path, files, "pkg/train.py")) == {"print"}


ELSEWHERE = {
    "a call under the guard": "    store('other.csv')\n",
    "a call in a function that the guard starts": "    export('other.csv')\n",
}


@pytest.mark.parametrize("start", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_what_only_another_script_passes_is_no_value(start: str, tmp_path: Path) -> None:
    files = {
        "train.py": "from export import store\nstore('data.csv')\n",
        "export.py": "from lib import use\ndef store(path):\n    use(path)\n"
        "def export(path):\n    store(path)\n"
        f"if __name__ == '__main__':\n{start}",
    }
    assert texts_of(job_of(tmp_path, files)) - {"<path>"} == {"data.csv"}


PARSER = "import argparse\nparser = argparse.ArgumentParser()\n"
CONSTANTS = {
    "literal": "use('data.csv')\n",
    "module": "DATA = 'data.csv'\ndef main():\n    use(DATA)\nmain()\n",
    "function": "def main():\n    data = 'data.csv'\n    use(data)\nmain()\n",
    "annotated": "DATA: str = 'data.csv'\nuse(DATA)\n",
    "class attribute": "class Config:\n    data = 'data.csv'\nuse(Config.data)\n",
    "class attribute of an instance": "class Config:\n    data = 'data.csv'\nconfig = Config()\nuse(config.data)\n",
    "inherited class attribute": "class Base:\n    data = 'data.csv'\nclass Config(Base): ...\nuse(Config().data)\n",
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass Config:\n    data: str = 'data.csv'\nuse(Config().data)\n",
    "attribute of self": "class A:\n    def __init__(self):\n        self.data = 'data.csv'\n    def run(self):\n        use(self.data)\nA().run()\n",
    "default of a parameter": "def run(data='data.csv'):\n    use(data)\nrun()\n",
    "argument": "def run(data):\n    use(data)\nrun('data.csv')\n",
    "argument by name": "def run(*, data):\n    use(data)\nrun(data='data.csv')\n",
    "returned": "def data():\n    return 'data.csv'\nuse(data())\n",
    "tuple": "a, data = 1, 'data.csv'\nuse(data)\n",
    "dictionary": "config = {'data': 'data.csv'}\nuse(config['data'])\n",
    "dictionary, get": "config = {'data': 'data.csv'}\nuse(config.get('data'))\n",
    "dict()": "config = dict(data='data.csv')\nuse(config['data'])\n",
    "nested dictionary": "config = {'paths': {'data': 'data.csv'}}\nuse(config['paths']['data'])\n",
    "argparse default": PARSER + "parser.add_argument('--data', default='data.csv')\nargs = parser.parse_args()\nuse(args.data)\n",
    "constant as argparse default": "DATA = 'data.csv'\n" + PARSER + "parser.add_argument('--data', default=DATA)\nuse(parser.parse_args().data)\n",
    "or": "import os\ndata = os.environ.get('DATA') or 'data.csv'\nuse(data)\n",
    "conditional expression": "import sys\ndata = 'data.csv' if sys.argv else 'other.csv'\nuse(data)\n",
    "f-string of constants": "NAME = 'data'\nuse(f'{NAME}.csv')\n",
    "f-string of constants in the middle": "NAME = 'at'\nuse(f'd{NAME}a.csv')\n",
    "f-string beginning with two constants": "A, B = 'da', 'ta'\nuse(f'{A}{B}.csv')\n",
    "concatenation": "NAME = 'data'\nuse(NAME + '.csv')\n",
    "percent": "NAME = 'data'\nuse('%s.csv' % NAME)\n",
    "format": "NAME = 'data'\nuse('{}.csv'.format(NAME))\n",
    "walrus": "if data := 'data.csv':\n    use(data)\n",
    "imported constant": "from settings import DATA\nuse(DATA)\n",
    "constant of an imported module": "import settings\nuse(settings.DATA)\n",
    "constant under another name": "import settings as s\nd = s.DATA\nuse(d)\n",
    "star import": "from settings import *\nuse(DATA)\n",
    "enum": "from enum import Enum\nclass Files(Enum):\n    DATA = 'data.csv'\nuse(Files.DATA.value)\n",
    "global": "data = None\ndef setup():\n    global data\n    data = 'data.csv'\nsetup()\nuse(data)\n",
    "SimpleNamespace": "from types import SimpleNamespace\nc = SimpleNamespace(data='data.csv')\nuse(c.data)\n",
    "named tuple": "from typing import NamedTuple\nclass C(NamedTuple):\n    data: str = 'data.csv'\nuse(C().data)\n",
    "loop": "for data in ('data.csv', 'b.csv'):\n    use(data)\n",
}  # fmt: skip


@pytest.mark.parametrize("text", CONSTANTS.values(), ids=CONSTANTS.keys())
def test_a_simple_constant_is_known(text: str, tmp_path: Path) -> None:
    files = {
        "train.py": f"from lib import use\n{text}print(1)\n",
        "settings.py": "DATA = 'data.csv'\n",
    }
    assert "data.csv" in texts_of(job_of(tmp_path, files))
