"""What the plan says of small scripts: a case for each shape of real code that was once read wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mljob_codemod import check
from mljob_codemod.plan import JobPlan


class Shape(NamedTuple):
    """A script ``train.py``, the files beside it, and some of what its plan must say."""

    script: str
    expected: dict[str, Any]
    files: dict[str, str] = {}  # noqa: RUF012


def said(plan: JobPlan) -> dict[str, Any]:
    """The parts of a plan that cases name."""
    return {
        "entry": (plan.entry.form, plan.entry.callee),
        "gpu": plan.compute.gpu_use,
        "outputs": [argument.option for argument in plan.output_arguments],
        "hardcoded": [use.target for use in plan.hardcoded_outputs],
        "inputs": [use.target for use in plan.local_inputs],
        "services": [service.service for service in plan.services],
        "distributed": plan.distributed,
        "method": plan.method,
        "packages": [package.import_name for package in plan.packages],
        "modules": plan.local_modules,
    }


SHAPES = {
    "a default that ends the run is not left at its default": Shape(
        """\
import argparse
import torch
import pandas as pd

parser = argparse.ArgumentParser()
parser.add_argument("--output-dir")
parser.add_argument("--no-cuda", action="store_true")
args = parser.parse_args()
args.cuda = not args.no_cuda
if not args.output_dir:
    raise ValueError("where to?")
table = pd.read_csv("data/train.csv")
model = torch.nn.Linear(2, 1).to(torch.device("cuda" if args.cuda else "cpu"))
torch.save(model, args.output_dir + "/model.pt")
torch.save(model, "last.pt")
""",
        {
            "gpu": "required",
            "outputs": ["--output-dir"],
            "hardcoded": ["last.pt"],
            "inputs": ["data/train.csv"],
        },
    ),
    "a run that stops with a complaint is none": Shape(
        """\
import logging
import fire
from datasets import load_dataset

logger = logging.getLogger()


def train(folder: str = None):
    if folder is None:
        logger.error("name a folder")
        return
    load_dataset("wikitext")


if __name__ == "__main__":
    fire.Fire(train)
""",
        {"services": ["huggingface"]},
    ),
    "a GPU that must be there": Shape(
        """\
import torch

if not torch.cuda.is_available():
    raise RuntimeError("needs a GPU")
torch.zeros(1).cuda()
""",
        {"gpu": "required"},
    ),
    "options declared through a variable": Shape(
        """\
import argparse
from pathlib import Path


def main():
    parser = argparse.ArgumentParser()
    arg = parser.add_argument
    arg("run_root")
    arg("--debug", action="store_true")
    args = parser.parse_args()
    Path(args.run_root, "params.json").write_text("{}")
    if args.debug:
        Path("debug.json").write_text("{}")


if __name__ == "__main__":
    main()
""",
        {"outputs": ["run_root"], "hardcoded": []},
    ),
    "the folder of a data set is no result": Shape(
        """\
import os
from torchvision import datasets

os.makedirs("../data/mnist", exist_ok=True)
os.makedirs("images", exist_ok=True)
datasets.MNIST("../data/mnist", train=True, download=True)
""",
        {"hardcoded": ["images"], "inputs": [], "services": ["dataset_download"]},
    ),
    "a data set of PyG is no input": Shape(
        """\
import os.path as osp
import torch_geometric
from torch_geometric.datasets import Planetoid

device = torch_geometric.device("auto")
path = osp.join(osp.dirname(osp.realpath(__file__)), "..", "data", "Planetoid")
data = Planetoid(path, "Cora")[0].to(device)
print(data)
""",
        {"inputs": [], "gpu": "optional", "services": ["dataset_download"]},
    ),
    "what stands for another system does not run": Shape(
        """\
import os
import sys
import tempfile
import torch

target = tempfile.TemporaryFile()
if os.name == "nt":
    target = os.path.join("logs", "model.zip")
torch.save({}, target)
if sys.platform == "win32":
    torch.save({}, "windows.pt")
""",
        {"hardcoded": []},
    ),
    "a null in a configuration is no path": Shape(
        """\
import hydra
import torch


@hydra.main(config_path="conf", config_name="train", version_base=None)
def main(cfg):
    torch.load(cfg.ckpt_path)


if __name__ == "__main__":
    main()
""",
        {"inputs": ["conf"]},
        {"conf/train.yaml": "seed: 1\nckpt_path: null\n"},
    ),
    "a file beside a module of another folder": Shape(
        "from lib.words import WORDS\n\nprint(WORDS)\n",
        {"inputs": ["lib/lists/words.txt"], "method": "submit_directory"},
        {
            "lib/__init__.py": "",
            "lib/words.py": "from pathlib import Path\n\n"
            'WORDS = (Path(__file__).parent / "lists" / "words.txt").read_text()\n',
            "lib/lists/words.txt": "a",
        },
    ),
    "a path that begins with what is not known": Shape(
        """\
import tempfile
import tensorflow as tf


def save(vocabulary):
    with tempfile.NamedTemporaryFile(delete=False, prefix="/tmp/sp") as file:
        pass
    if vocabulary:
        tf.io.gfile.copy(file.name + ".model", "final.rntmp", overwrite=True)


save(["a"])
""",
        {"inputs": []},
    ),
    "what is written somewhere says nothing of an input": Shape(
        """\
import argparse
import os
from PIL import Image

parser = argparse.ArgumentParser()
parser.add_argument("--data", default="/data/davis")
parser.add_argument("--output-dir", default=".")
args = parser.parse_args()


def save(filename, image):
    image.save(filename, format="PNG")


for video in open(os.path.join(args.data, "val.txt")):
    names = os.listdir(video)
    folder = os.path.join(args.output_dir, video.split("/")[-1])
    out_path = os.path.join(folder, names[0])
    save(out_path, Image.new("L", (1, 1)))
    out_path = os.path.join(folder, "0.png")
    save(out_path, Image.new("L", (1, 1)))
""",
        {"inputs": ["/data/davis/val.txt"], "outputs": ["--output-dir"]},
    ),
    "downloaded data that is there travels": Shape(
        """\
from torchvision import datasets

datasets.MNIST("data", train=True, download=True)
""",
        {"inputs": [], "method": "submit_directory"},
        {"data/MNIST/raw/train-images": "1"},
    ),
    "data that the settings name travels": Shape(
        """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--train")
print(open(parser.parse_args().train).read())
""",
        {"method": "submit_directory"},
        {
            "tables/train.csv": "1",
            "mljob.toml": '[jobs."train.py"]\nargs = ["--train", "tables/train.csv"]\n',
        },
    ),
    "a class that inherits how it is made": Shape(
        """\
from torchvision import datasets


class Indexed(datasets.ImageFolder):
    def __getitem__(self, index):
        return super().__getitem__(index), index


Indexed("imagenet/train")
""",
        {"inputs": ["imagenet/train"]},
    ),
    "a class that hands on how it is made": Shape(
        """\
from dgl.data import QM9Dataset
from torchvision import datasets


class Molecules(QM9Dataset):
    def __init__(self, keys):
        super(Molecules, self).__init__(label_keys=keys)


class Indexed(datasets.ImageFolder):
    def __init__(self, root):
        super().__init__(root)


Molecules(["mu"])
Indexed("imagenet/train")
""",
        {"inputs": ["imagenet/train"], "services": ["dataset_download"]},
    ),
    "keras as an attribute of tensorflow": Shape(
        """\
import tensorflow as tf

model = tf.keras.models.Sequential([tf.keras.layers.Dense(3)])
model.fit([1], [2])
""",
        {"gpu": "optional"},
    ),
    "work in the guard and a call on top": Shape(
        """\
import torch


def push(folder):
    return folder


if __name__ == "__main__":
    upload = False
    for step in range(10):
        torch.zeros(1)
    if upload:
        push("runs")
""",
        {"entry": ("guard_block", None)},
    ),
    "a value that is only shown": Shape(
        """\
def translate(word):
    return word[::-1]


if __name__ == "__main__":
    print(translate("man"))
""",
        {"entry": ("guard_block", None)},
    ),
    "options are no work": Shape(
        """\
import argparse
import pandas as pd


def parse():
    return argparse.ArgumentParser().parse_args()


args = parse()
table = pd.DataFrame
print(table, args)
""",
        {"entry": ("toplevel", None)},
    ),
    "data that lies there already": Shape(
        """\
from torchtext.datasets import TranslationDataset

TranslationDataset(path="data/train", exts=(".src", ".trg"), fields=())
""",
        {"services": []},
    ),
    "an error after a star import is no use of the library": Shape(
        """\
try:
    from apex.fp16_utils import *
except ImportError:
    raise ImportError("install apex")
print(1)
""",
        {"gpu": "none"},
    ),
    "data of torchvision that is not downloaded": Shape(
        """\
import torchvision

torchvision.datasets.CIFAR10(root="./data", train=True, download=False)
torchvision.datasets.CIFAR100("./other", True, None, None, True)
""",
        {"inputs": ["./data"]},
    ),
    "the file that is open is no path": Shape(
        """\
import torch

with open("model.pt", "wb") as f:
    torch.save({}, f)
with open("model.pt", "rb") as f:
    torch.load(f)
""",
        {"codes": ["MLJ202"], "hardcoded": ["model.pt"], "inputs": []},
    ),
    "replacing text is no renaming": Shape(
        """\
from pathlib import Path
import requests

requests.get(str(Path("https:/example.org/a")).replace(":/", "://"))
""",
        {"hardcoded": []},
    ),
    "a package without an __init__.py": Shape(
        "from tools import scale\n\nprint(scale.scaled(1))\n",
        {"packages": [], "method": "submit_directory"},
        {"tools/scale.py": "def scaled(value):\n    return value\n"},
    ),
    "a folder that the script puts on the import path": Shape(
        "import os\nimport sys\n\n"
        'sys.path.append(os.path.join(os.path.dirname(__file__), "lib"))\n'
        "from scale import scaled\n\nprint(scaled(1))\n",
        {"packages": [], "modules": ["lib/scale.py"]},
        {"lib/scale.py": "def scaled(value):\n    return value\n"},
    ),
    "a name that is assigned again": Shape(
        """\
import os
import time
import joblib


def dump(model, itr=None):
    fname = "pyt_save"
    fname = os.path.join("/tmp/experiments", fname)
    joblib.dump(model, fname)


dump({})
""",
        {"hardcoded": []},
    ),
    "another script's main is not this one's": Shape(
        """\
from train_all import scaled


def main():
    print(scaled(1))


if __name__ == "__main__":
    main()
""",
        {"outputs": [], "hardcoded": []},
        {
            "train_all.py": """\
import argparse
import joblib


def scaled(value):
    return value


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model-dir", default="./weights")
    args = parser.parse_args()
    joblib.dump({}, args.model_dir + "/model.pkl")
    joblib.dump({}, "last.pkl")


if __name__ == "__main__":
    main()
"""
        },
    ),
    "numbers are no folder": Shape(
        """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--lad-out", default="16000,11000")
print(parser.parse_args())
""",
        {"outputs": []},
    ),
    "names of a loop, some of which are read again": Shape(
        """\
import json
import os
import requests


def fetch():
    os.makedirs("gpt2", exist_ok=True)
    for name in ["checkpoint", "encoder.json", "hparams.json"]:
        store("https://example.org/" + name, os.path.join("gpt2", name))
    return json.load(open(os.path.join("gpt2", "hparams.json")))


def store(url, destination):
    with open(destination, "wb") as file:
        file.write(requests.get(url).content)


fetch()
""",
        {"inputs": [], "hardcoded": ["gpt2/<name>"]},
    ),
    "a guard that holds the work": Shape(
        "import numpy as np\n\n\ndef plotted(values):\n    return values\n\n\n"
        'if __name__ == "__main__":\n'
        + "".join(f"    a{i} = np.zeros({i})\n" for i in range(16))
        + "    plotted(a1)\n",
        {"entry": ("guard_block", None)},
    ),
    "a place for checkpoints that the platform gives": Shape(
        """\
import argparse
import os
import tensorflow as tf

parser = argparse.ArgumentParser()
parser.add_argument("--checkpoint-dir", default=os.getenv("AIP_CHECKPOINT_DIR"))
args = parser.parse_args()
model = tf.keras.Sequential([])
model.fit([1], callbacks=[tf.keras.callbacks.BackupAndRestore(args.checkpoint_dir)])
""",
        {"outputs": ["--checkpoint-dir"]},
    ),
    "trackers and databases behind Optuna": Shape(
        """\
import optuna
from optuna.artifacts import download_artifact
from optuna.integration.tensorboard import TensorBoardCallback
from optuna_dashboard.preferential import create_study
from optuna_integration.comet import CometCallback

create_study(n_generate=4, storage="sqlite:///example.db")
study = optuna.create_study()
study.optimize(abs, callbacks=[TensorBoardCallback("logs/", "accuracy"), CometCallback(study)])
download_artifact(artifact_store=None, file_path="./best.png", artifact_id="1")
print(open("./best.png").read())
""",
        {"hardcoded": ["example.db", "logs/"], "services": ["comet"], "inputs": []},
    ),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_shape(shape: Shape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in ({"train.py": shape.script} | shape.files).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    report = check(["train.py"])
    (plan,) = report.jobs
    found = said(plan) | {"codes": sorted({finding.code for finding in report.findings})}
    assert {name: found[name] for name in shape.expected} == shape.expected
