"""Every hazard of the platform that can be shown without an account: what the launcher makes of a script
as it is written, what `check` says of it, and what the launcher makes of it once it is converted.

Hazards of the upload are shown in ``tests/client``. Nothing here has a GPU, several nodes or an image of the
runtime; for Ray, which needs a cluster, a module stands in that knows what the launcher's `ray.init` knows.
"""

from __future__ import annotations

import textwrap
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import Outcome
from tests.conversion import submit_to
from tests.harness import JobOutcome, job_problems, run_inside

pytestmark = pytest.mark.launcher

NAME = "train.py"


@dataclass(frozen=True)
class End:
    """How a job ends: with an exception or not."""

    error: str | None = None
    """Part of the last line of the traceback; None for a job that is done."""
    value: object = None
    kept: tuple[str, ...] = ()
    unreadable: str | None = None
    """Part of what the client says, where it cannot read the value."""
    lost: tuple[str, ...] = ()
    """Files outside the result path, below `payload/`."""
    started: bool = True
    """Whether the script was started at all, where the job is done."""

    def problems(self, outcome: JobOutcome) -> list[str]:
        if self.error is not None:
            found = outcome.status == 1 and self.error in outcome.stdout + outcome.stderr
            return [] if found else [f"no {self.error!r}: {outcome}"]
        value = self.value if self.unreadable is None else ...
        problems = job_problems(outcome, value, self.kept, elsewhere=self.lost)
        error = outcome.recorded.error if outcome.recorded else None
        if (self.unreadable or "") not in (error or ""):
            problems.append(f"no {self.unreadable!r}: {error!r}")
        if (outcome.recorded is not None) is not self.started:
            problems.append(f"records {outcome.recorded}")
        return problems + [
            f"does not lose {name}"
            for name in self.lost
            if f"payload/{name}" not in outcome.elsewhere
        ]


@dataclass(frozen=True)
class Proof:
    """A script, its job as it is, and its job after `apply`."""

    code: str | None
    """Of the finding; None where only the submission has to do something."""
    script: str
    as_it_is: End
    converted: End | None
    """None where nothing is converted, and a person has to act on the finding."""
    files: Mapping[str, str] = field(default_factory=dict)
    archives: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """`.zip` files beside the script, with their members."""
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    """Modules of the image that this machine has not."""
    arguments: tuple[str, ...] = ()


RAY = """
connected = False

def is_initialized():
    return connected

def init(address=None, ignore_reinit_error=False, **options):
    global connected
    if connected and not ignore_reinit_error:
        raise RuntimeError("Maybe you called ray.init twice by accident?")
    connected = True
"""

HELPED = "import helpers\n\nif __name__ == '__main__':\n    __return__ = helpers.VERSION\n"

PROOFS = {
    "option_that_shortens_one_of_the_launcher": Proof(
        None,
        """
        import argparse

        parser = argparse.ArgumentParser()
        parser.add_argument("--f", type=int)
        __return__ = parser.parse_args().f
        """,
        End(error="ValidationError"),
        End(value=3),
        arguments=("--f", "3"),
    ),
    "option_h": Proof(
        None,
        """
        import argparse

        parser = argparse.ArgumentParser(add_help=False)
        parser.add_argument("-h", dest="height", type=int)
        __return__ = parser.parse_args().height
        """,
        End(started=False),
        End(value=5),
        arguments=("-h", "5"),
    ),
    "ray_init": Proof(
        "MLJ801",
        "import ray\n\nray.init(num_cpus=4)\n__return__ = ray.is_initialized()\n",
        End(error="called ray.init twice"),
        End(value=True),
        stand_ins={"ray.py": RAY},
    ),
    "zip_with_an_old_copy": Proof(
        "MLJ906",
        HELPED,
        End(value="old"),
        None,
        files={"helpers.py": "VERSION = 'new'\n"},
        archives={"backup.zip": {"helpers.py": "VERSION = 'old'\n"}},
    ),
    "conda_environment": Proof(
        "MLJ908",
        HELPED,
        End(error="Custom conda environments not currently supported"),
        End(value="new"),
        files={"helpers.py": "VERSION = 'new'\n", "environment.yml": "name: churn\n"},
    ),
    "variable_of_torchrun": Proof(
        "MLJ802",
        """
        import os

        def main():
            rank = int(os.environ["RANK"])
            import torch.distributed as dist

            dist.init_process_group("gloo")
            print("rank", rank)

        main()
        """,
        End(error="KeyError: 'RANK'"),
        None,
    ),
    "tuple_and_integer_keys": Proof(
        "MLJ108",
        "def main():\n    return {0: 0.5}, (1, 2)\n\nif __name__ == '__main__':\n    __return__ = main()\n",
        End(value=[{"0": 0.5}, [1, 2]]),
        None,
    ),
    "object_of_a_class_of_the_project": Proof(
        "MLJ108",
        """
        from helpers import Metrics

        def main():
            return Metrics(0.5)

        if __name__ == "__main__":
            __return__ = main()
        """,
        End(unreadable="No module named 'helpers'"),
        None,
        files={
            "helpers.py": "class Metrics:\n    def __init__(self, loss):\n        self.loss = loss\n"
        },
    ),
    "output_variable_of_sagemaker": Proof(
        "MLJ202",
        """
        import os

        with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w") as file:
            file.write("model")
        """,
        End(error="KeyError: 'SM_MODEL_DIR'"),
        End(kept=("model.txt",)),
    ),
    "input_variable_of_sagemaker": Proof(
        "MLJ411",
        "import os\n\nprint(os.listdir(os.environ['SM_CHANNEL_TRAINING']))\n",
        End(error="KeyError: 'SM_CHANNEL_TRAINING'"),
        None,
    ),
    "pause": Proof(
        "MLJ911",
        "input('Press Enter to start')\n__return__ = 0.9\n",
        End(error="EOFError"),
        End(value=0.9),
    ),
    "answer": Proof(
        "MLJ911",
        "epochs = int(input('How many epochs? '))\nprint('training for', epochs)\n",
        End(error="EOFError"),
        None,
    ),
    "password": Proof(
        "MLJ911",
        "import getpass\n\ntoken = getpass.getpass('Token: ')\nprint(len(token))\n",
        End(error="EOFError"),
        None,
    ),
    "option_that_asks": Proof(
        "MLJ911",
        """
        import click

        @click.command()
        @click.option("--name", prompt=True)
        def main(name):
            print("training", name)

        if __name__ == "__main__":
            main()
        """,
        End(error="Aborted!"),
        None,
    ),
    "width_of_the_terminal": Proof(
        "MLJ911",
        """
        import os

        _, width = os.popen("stty size", "r").read().split()
        print("-" * int(width))
        """,
        End(error="ValueError: not enough values to unpack"),
        None,
    ),
    "size_of_the_terminal": Proof(
        "MLJ911",
        "import os\n\nprint('-' * os.get_terminal_size().columns)\n",
        End(error="Inappropriate ioctl for device"),
        None,
    ),
    "login_name": Proof(
        "MLJ911",
        "import os\n\nprint('trained by', os.getlogin())\n",
        End(error="OSError: "),
        None,
    ),
    "keys_of_the_terminal": Proof(
        "MLJ911",
        """
        import sys
        import tty

        tty.setcbreak(sys.stdin.fileno())
        print("press q to stop")
        """,
        End(error="Inappropriate ioctl for device"),
        End(),
    ),
    "breakpoint": Proof(
        "MLJ912",
        "loss = 0.5\nbreakpoint()\n__return__ = loss\n",
        End(error="bdb.BdbQuit"),
        End(value=0.5),
    ),
    "pdb": Proof(
        "MLJ912",
        "import pdb\n\nloss = 0.5\npdb.set_trace()\n__return__ = loss\n",
        End(error="bdb.BdbQuit"),
        End(value=0.5),
    ),
    "backend_with_windows": Proof(
        "MLJ913",
        """
        import matplotlib

        matplotlib.use("TkAgg")
        import matplotlib.pyplot as plt

        plt.plot([1, 2])
        plt.savefig("loss.png")
        """,
        End(error="Cannot load backend 'TkAgg'"),
        End(kept=("loss.png",)),
    ),
    "window": Proof(
        "MLJ913",
        "import tkinter\n\nroot = tkinter.Tk()\nroot.title('Labels')\n",
        End(error="no display name"),
        None,
    ),
    "figure_shown_and_not_saved": Proof(
        "MLJ914",
        "import matplotlib.pyplot as plt\n\nplt.plot([1, 2])\nplt.show()\n",
        End(),
        None,
    ),
    "browser": Proof(
        "MLJ914",
        "import webbrowser\n\nprint('report shown:', webbrowser.open('report.html'))\n",
        End(),
        None,
    ),
    "output_beside_the_script": Proof(
        "MLJ202",
        """
        from pathlib import Path

        (Path(__file__).parent / "scores.txt").write_text("0.9")
        """,
        End(lost=("scores.txt",)),
        End(kept=("scores.txt",)),
    ),
    "output_of_one_machine": Proof(
        "MLJ202",
        "with open('/home/ann/scores.txt', 'w') as file:\n    file.write('0.9')\n",
        End(error="No such file or directory: '/home/ann/scores.txt'"),
        End(kept=("home/ann/scores.txt",)),
    ),
    "change_to_a_folder_of_one_machine": Proof(
        "MLJ916",
        "import os\n\nos.chdir('/home/ann/churn')\n",
        End(error="No such file or directory: '/home/ann/churn'"),
        None,
    ),
    "input_of_one_machine": Proof(
        "MLJ601",
        "with open('/home/ann/churn.csv') as file:\n    print(file.read())\n",
        End(error="No such file or directory: '/home/ann/churn.csv'"),
        None,
    ),
    "import_path_of_one_machine": Proof(
        "MLJ915",
        "import sys\n\nsys.path.append('/home/ann/lib')\nimport churn_features\n",
        End(error="No module named 'churn_features'"),
        None,
    ),
}
EACH = pytest.mark.parametrize("proof", PROOFS.values(), ids=list(PROOFS))
FOUND = pytest.mark.parametrize(
    "proof",
    [pytest.param(proof, id=name) for name, proof in PROOFS.items() if proof.code is not None],
)
Run = Callable[..., Outcome]


@pytest.fixture
def project(proof: Proof, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, which becomes the working directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    write(folder, {NAME: proof.script, **proof.files})
    for name, members in proof.archives.items():
        with zipfile.ZipFile(folder / name, "w") as archive:
            for member, text in members.items():
                archive.writestr(member, text)
    monkeypatch.chdir(folder)
    return folder


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")


@EACH
def test_as_it_is(proof: Proof, project: Path) -> None:
    write(project, proof.stand_ins)
    assert not proof.as_it_is.problems(run_inside(project, NAME, proof.arguments))


@FOUND
def test_found(proof: Proof, project: Path, run: Run) -> None:
    assert f" {proof.code} " in run("check", NAME).out


@EACH
def test_converted(proof: Proof, project: Path, run: Run, tmp_path: Path) -> None:
    before = (project / NAME).read_bytes()
    run("apply", NAME)
    if proof.converted is None:
        assert (project / NAME).read_bytes() == before
        assert f" {proof.code} " in run("check", NAME).out
        return
    sent = submit_to(project, NAME, proof.arguments, tmp_path / "payload")
    write(sent.payload, proof.stand_ins)
    outcome = run_inside(sent.payload, sent.entrypoint, sent.arguments)
    assert not proof.converted.problems(outcome)
