"""What a default run does about GPUs, case by case, and the rows that tell it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mljob_codemod import check
from mljob_codemod.errors import ConfigError
from mljob_codemod.plan import JobPlan
from mljob_codemod.rules.compute import compute_rules, load_compute
from mljob_codemod.rules.distributed import distributed_rules, load_distributed
from mljob_codemod.rules.instance_families import instance_families
from mljob_codemod.rules.models import model_rules

TORCH = "import argparse\nimport os\nimport torch\nparser = argparse.ArgumentParser()\n"


def plan_of(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobPlan:
    (tmp_path / "train.py").write_text(source, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (job,) = check(["train.py"]).jobs
    return job


USES = {
    "cuda without a condition": ("required", "m.cuda()"),
    "cuda where there is one": ("optional", "if torch.cuda.is_available():\n    m.cuda()"),
    "device by a conditional": (
        "optional",
        'd = torch.device("cuda" if torch.cuda.is_available() else "cpu")\nm.to(d)',
    ),
    "device assigned over": (
        "optional",
        'd = "cpu"\nif torch.cuda.is_available():\n    d = "cuda"\nm.to(d)',
    ),
    "device assigned back": ("off", 'd = "cpu"\nif args.cuda:\n    d = "cuda"\nm.to(d)'),
    "index of minus one": ("off", "if args.gpu >= 0:\n    m.cuda(args.gpu)"),
    "index option": ("required", "m.to(args.first)"),
    "attribute set after parsing": (
        "optional",
        "args.use = not args.no_cuda and torch.cuda.is_available()\nif args.use:\n    m.cuda()",
    ),
    "count of devices": ("optional", "if torch.cuda.device_count() > 0:\n    m.cuda()"),
    "device by format": ("required", 'm.to("cuda:%d" % args.first)'),
    "device by f-string": ("required", "m.to(f\"cuda:{os.environ['LOCAL_RANK']}\")"),
    "mps only": ("none", 'if torch.backends.mps.is_available():\n    m.to("mps")'),
    "dtype only": ("none", "m.to(torch.float64)"),
    "loaded onto the CPU": ("none", 'torch.load("w.pt", map_location="cpu")'),
    "another library's to": ("none", 'm.to("csv")'),
    "hidden by the environment": (
        "off",
        'os.environ["CUDA_VISIBLE_DEVICES"] = ""\nif torch.cuda.is_available():\n    m.cuda()',
    ),
}
OPTIONS = """\
parser.add_argument("--cuda", action="store_true")
parser.add_argument("--no-cuda", action="store_true")
parser.add_argument("--gpu", type=int, default=-1)
parser.add_argument("--first", type=int, default=0)
args = parser.parse_args()
m = torch.nn.Linear(2, 1)
"""


@pytest.mark.parametrize(("expected", "code"), USES.values(), ids=USES)
def test_use_of_a_gpu(
    expected: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(f"{TORCH}{OPTIONS}{code}\n", tmp_path, monkeypatch)
    assert plan.compute.gpu_use == expected
    assert plan.compute.gpu is (expected in ("required", "optional"))


LIBRARIES = {
    "transformers' Trainer": ("optional", "from transformers import Trainer\nTrainer().train()"),
    "arguments that forbid it": (
        "none",
        "from transformers import TrainingArguments\nTrainingArguments('o', use_cpu=True)",
    ),
    "lightning, automatic": ("optional", "import lightning as L\nL.Trainer().fit(None)"),
    "lightning on the CPU": (
        "none",
        "import lightning as L\nL.Trainer(accelerator='cpu').fit(None)",
    ),
    "lightning with a GPU": (
        "required",
        "import pytorch_lightning as pl\npl.Trainer(accelerator='gpu').fit(None)",
    ),
    "device_map": (
        "optional",
        "from transformers import AutoModel\nAutoModel.from_pretrained('x', device_map='auto')",
    ),
    "keras": ("optional", "from tensorflow import keras\nkeras.Sequential([])"),
    "tf.data only": ("none", "import tensorflow as tf\ntf.data.Dataset.range(3)"),
    "jax": ("optional", "import jax\n@jax.jit\ndef f(x):\n    return x\nf(1)"),
    "jax on the CPU": (
        "off",
        "import jax\njax.config.update('jax_platform_name', 'cpu')\njax.jit(abs)(1)",
    ),
    "cupy": ("required", "import cupy as cp\ncp.zeros(3)"),
    "xgboost": ("none", "import xgboost\nxgboost.XGBClassifier().fit(1, 2)"),
    "gpu_hist": (
        "required",
        "import xgboost\nxgboost.XGBClassifier(tree_method='gpu_hist').fit(1, 2)",
    ),
    "catboost": ("required", "import catboost\ncatboost.CatBoost(task_type='GPU').fit(1)"),
    "lightgbm": (
        "optional",
        "import lightgbm\np = {'device_type': 'gpu'}\nlightgbm.train(p, None)",
    ),
    "triton kernel": ("required", "import triton\n@triton.jit\ndef k(x):\n    pass\nk(1)"),
}


@pytest.mark.parametrize(("expected", "code"), LIBRARIES.values(), ids=LIBRARIES)
def test_use_of_a_gpu_by_a_library(
    expected: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plan_of(f"{code}\nprint(1)\n", tmp_path, monkeypatch).compute.gpu_use == expected


KINDS = {
    "none": "import torch\ntorch.zeros(1)",
    "torch_dataparallel": "import torch\ntorch.nn.DataParallel(None)",
    "torch_ddp": "from torch.nn.parallel import DistributedDataParallel as DDP\nDDP(None)",
    "accelerate": "from accelerate import Accelerator\nAccelerator().prepare(1)",
    "torch_fsdp": "from transformers import TrainingArguments\nTrainingArguments('o', fsdp='full_shard')",
    "deepspeed": "import deepspeed\ndeepspeed.initialize(model=None)",
    "horovod": "import horovod.torch as hvd\nhvd.init()",
    "dask": "from dask.distributed import Client\nClient()",
    "spark": "from pyspark.sql import SparkSession\nSparkSession.builder.getOrCreate()",
    "tf_strategy": "import tensorflow as tf\ntf.distribute.MirroredStrategy()",
    "lightning": "import pytorch_lightning as pl\npl.Trainer(strategy='ddp').fit(None)",
    "jax": "from jax import pmap\npmap(abs)(1)",
    "ray": "import ray\nray.get(1)",
    "mp_spawn": "import torch.multiprocessing as mp\nmp.spawn(print, nprocs=2)",
    "snowflake": "from snowflake.ml.modeling.distributors.xgboost import XGBEstimator\nXGBEstimator()",
}


@pytest.mark.parametrize(("kind", "code"), KINDS.items(), ids=KINDS)
def test_kind_of_distribution(
    kind: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plan_of(f"{code}\nprint(1)\n", tmp_path, monkeypatch).distributed == kind


def test_every_row_is_valid() -> None:
    rules = compute_rules()
    assert len([*rules.uses.all_rows()]) > 20
    assert [*rules.offs.all_rows()]
    assert all(rules.off_variable(block).values for block in rules.off_variables)
    assert all(rules.keyword(block) for blocks in rules.keywords.values() for block in blocks)
    kinds = {kind.name for kind in distributed_rules().kinds}
    assert {use.kind for use in distributed_rules().uses.all_rows()} == kinds


def test_families_with_gpus_say_where_they_are() -> None:
    families = [family for family in instance_families().values() if family.gpus]
    assert all(family.cloud and family.gpu_memory for family in families)


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("meta-llama/Llama-2-7b-hf", 7e9),
        ("EleutherAI/pythia-410m", 410e6),
        ("Qwen/Qwen2.5-0.5B-Instruct", 0.5e9),
        ("gpt2", 124e6),
        ("google/flan-t5-xxl", 11.3e9),
        ("facebook/wav2vec2-base", 95e6),
        ("my-model-4bit", None),
        ("./checkpoint", None),
    ],
)
def test_size_by_name(model: str, size: float | None) -> None:
    assert model_rules().size(model) == size


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[use]]\nneed = "required"\nsource = "s"\n', "names"),
        ('[[of]]\nnames = ["a.b"]\n', "unknown table"),
    ],
)
def test_mistakes_in_rules_are_named(text: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "compute.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=problem):
        load_compute(file)
    with pytest.raises(ConfigError, match=problem):
        load_distributed(file)
