"""Which outside services small pieces of code reach, and that the rows about services hold together."""

from __future__ import annotations

from pathlib import Path

import pytest

from mljob_codemod.checking import check
from mljob_codemod.config import Settings
from mljob_codemod.findings import Level
from mljob_codemod.plan import JobPlan
from mljob_codemod.rules.services import service_rules

NAMES = set(
    """huggingface nltk torch_hub tensorflow_hub wandb mlflow comet neptune clearml openai anthropic cohere aws gcp
    azure kaggle http dataset_download spacy_download pip_install git""".split()
)


def plan_of(folder: Path, code: str, settings: Settings | None = None) -> JobPlan:
    """The plan of a script with ``code`` and a main guard."""
    script = folder / "train.py"
    script.write_text(
        code + '\n\nif __name__ == "__main__":\n    print("done")\n', encoding="utf-8"
    )
    return check([script], settings or Settings()).jobs[0]


def test_rows_name_known_services() -> None:
    rules = service_rules()
    assert set(rules.services) == NAMES
    told = {row.service for row in rules.rows()}
    told |= {command.service for command in rules.commands}
    told |= {scheme.service for scheme in rules.schemes.values()}
    assert told == NAMES


def test_variables_that_turn_a_service_off_are_in_lower_case() -> None:
    for service in service_rules().services.values():
        assert all(value == value.lower() for _, value in service.off)


@pytest.mark.parametrize(
    ("code", "services"),
    [
        ("import wandb as w\nw.init()", {"wandb"}),
        ("from wandb import init as begin\nbegin()", {"wandb"}),
        ("import wandb\nbegin = wandb.init\nbegin()", {"wandb"}),
        ("import wandb\nwandb.init(mode='disabled')", set()),
        ("import wandb\nMODE = 'off' + 'line'\nwandb.init(mode=MODE)", set()),
        ("def init():\n    pass\ninit()", set()),
        ("import torchvision\nm = torchvision.models\nm.resnet18(pretrained=True)", {"torch_hub"}),
        ("import torchvision.models as m\nm.resnet18(True)", {"torch_hub"}),
        ("import torchvision.models as m\nm.get_model('resnet18', weights=None)", set()),
        (
            "import torchvision.models as m\nm.get_model('resnet18', weights='DEFAULT')",
            {"torch_hub"},
        ),
        ("import torchvision.models as m\ngetattr(m, 'vgg16')(pretrained=True)", {"torch_hub"}),
        ("from torchvision.models.detection import maskrcnn_resnet50_fpn as f\nf()", {"torch_hub"}),
        ("import torch\ntorch.hub.load('.', 'net', source='local')", set()),
        ("import torch\ntorch.load('x.pt')", set()),
        ("from transformers import pipeline\npipeline('sentiment-analysis')", {"huggingface"}),
        ("from transformers import pipeline\npipeline('ner', model='./ner')", set()),
        ("from transformers import AutoModel\nAutoModel.from_pretrained('a/b/c')", set()),
        ("from transformers import AutoModel\nAutoModel.from_pretrained('model.bin')", set()),
        (
            "from transformers import BertModel\nclass M(BertModel):\n    pass\nM.from_pretrained('x/y')",
            {"huggingface"},
        ),
        (
            "from torchvision.datasets import MNIST\nclass D(MNIST):\n"
            "    def __init__(self, root):\n        super().__init__(root, download=True)\nD('d')",
            {"dataset_download"},
        ),
        ("from datasets import load_dataset\nload_dataset('csv', data_files='a.csv')", set()),
        (
            "import sys\nfrom transformers import BertConfig, BertModel\n"
            "KINDS = {'bert': (BertConfig, BertModel)}\n"
            "config, model = KINDS[sys.argv[1]]\nmodel.from_pretrained('bert-base-uncased')",
            {"huggingface"},
        ),
        ("import mine\nmine.Net.from_pretrained('a/b')", set()),
        (
            "from datasets import load_dataset\n"
            "load_dataset('json', data_files={'train': 'https://a.example/x.json'})",
            {"http"},
        ),
        (
            "from peft import PeftModel\nPeftModel.from_pretrained(None, 'me/adapter')",
            {"huggingface"},
        ),
        ("import timm\ntimm.create_model('resnet50', pretrained=True)", {"huggingface"}),
        ("from tensorflow import keras\nkeras.applications.VGG16()", {"tensorflow_hub"}),
        ("from tensorflow import keras\nkeras.applications.VGG16(weights='vgg.h5')", set()),
        ("import keras\nkeras.applications.vgg16.preprocess_input([])", set()),
        (
            "import sklearn.datasets as d\nd.fetch_openml('adult')\nd.load_iris()",
            {"dataset_download"},
        ),
        ("from sklearn.datasets import load_iris\nload_iris()", set()),
        ("import pandas as pd\npd.read_csv('gs://bucket/x.csv')", {"gcp"}),
        ("import pandas as pd\npd.read_csv('abfs://c@a.dfs.core.windows.net/x')", {"azure"}),
        ("import pandas as pd\npd.read_csv('x.csv')", set()),
        (
            "import requests\nurl = 'https://a.example'\nrequests.get(f'{url}/x').json().get('k')",
            {"http"},
        ),
        ("import requests\nrequests.post('http://localhost:80/x')", set()),
        ("import os\nos.system('wget https://a.example/x.zip')", {"http"}),
        ("import os\nos.system('ls -l')", set()),
        ("import subprocess\nsubprocess.run(['git', 'status'])", set()),
        (
            "import subprocess\nsubprocess.run('python -m spacy download en'.split())",
            {"spacy_download"},
        ),
        ("import spacy\nspacy.load('en_core_web_sm')", set()),
        ("import mlflow\nmlflow.start_run()", set()),
        ("import mlflow\nmlflow.set_tracking_uri('sqlite:///x.db')", set()),
        ("import os, mlflow\nos.environ['MLFLOW_TRACKING_URI'] = 'https://m.example'", {"mlflow"}),
        ("import kaggle", {"kaggle"}),
        ("import kagglehub\nkagglehub.dataset_download('a/b')", {"kaggle"}),
        ("from google.cloud import storage\nstorage.Client()", {"gcp"}),
        (
            "from azure.storage.blob import BlobServiceClient as B\nB.from_connection_string('x')",
            {"azure"},
        ),
        (
            "from transformers import TrainingArguments\nTrainingArguments('o', report_to='none')",
            set(),
        ),
        (
            "from transformers import TrainingArguments\nTrainingArguments('o', report_to=['wandb'])",
            {"wandb"},
        ),
        (
            "from transformers import TrainingArguments\nTrainingArguments('o', push_to_hub=True)",
            {"huggingface"},
        ),
    ],
)
def test_services(tmp_path: Path, code: str, services: set[str]) -> None:
    assert {service.service for service in plan_of(tmp_path, code).services} == services


def test_url_gives_the_exact_hosts(tmp_path: Path) -> None:
    code = (
        "import pandas as pd, requests\n"
        "pd.read_csv('s3://my-bucket/x.csv')\n"
        "requests.get('http://a.example/x')\n"
        "requests.get('https://b.example:8443/x')\n"
        "requests.get('https://github.com/o/r/releases/download/v1/x.zip')\n"
    )
    hosts = {service.service: service.hosts for service in plan_of(tmp_path, code).services}
    assert hosts["aws"][0] == "my-bucket.s3.amazonaws.com"
    assert hosts["http"][:3] == ("a.example:80", "b.example:8443", "github.com")
    assert "release-assets.githubusercontent.com" in hosts["http"]


def test_settings_silence_the_finding_and_reach_the_plan(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("import wandb\nwandb.init()\nimport nltk\nnltk.download('punkt')\n")
    settings = Settings(integrations={"wandb": "TRACKERS", "pip_install": "PYPI"})
    report = check([script], settings)
    found = [finding for finding in report.findings if finding.code == "MLJ401"]
    assert [finding.location.start.line for finding in found] == [4]
    assert found[0].level is Level.ERROR
    assert '"nltk_access"' in found[0].message
    assert report.jobs[0].external_access_integrations == ["PYPI", "TRACKERS"]
