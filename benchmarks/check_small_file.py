"""``python -m benchmarks.check_small_file [--runs N]``: ``check`` of one small script.

Compared with ``python -c "import libcst"``, in turns; the medians count. The exit status is 1 when the target
is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.process_tree import measure

RATIO = 1.6
SCRIPT = """\
import argparse

import joblib
import pandas as pd
from sklearn.linear_model import LogisticRegression


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="data.csv")
    parser.add_argument("--output-dir", default="out")
    args = parser.parse_args()
    frame = pd.read_csv(args.data)
    model = LogisticRegression().fit(frame.drop(columns="label"), frame["label"])
    joblib.dump(model, f"{args.output_dir}/model.joblib")
    return {"accuracy": model.score(frame.drop(columns="label"), frame["label"])}


if __name__ == "__main__":
    main()
"""


def main() -> int:
    """Measure and print; 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    runs: int = parser.parse_args().runs
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH")])
    )
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed tool has been compiled
    imports, checks = [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "train.py").write_text(SCRIPT)
        for _ in range(runs + 1):  # the first fills the caches of both
            done = measure([sys.executable, "-c", "import libcst"], folder, memory=False)
            imports.append(done.wall)
            command = [sys.executable, "-m", "mljob_codemod", "check", "train.py"]
            done = measure(command, folder, memory=False)
            if done.status != 1:
                print(done.output, file=sys.stderr)
                return 1
            checks.append(done.wall)
    alone, check = median(imports[1:]), median(checks[1:])
    print(f"import libcst {alone * 1000:.0f} ms, check {check * 1000:.0f} ms")
    print(f"ratio {check / alone:.2f} (at most {RATIO})")
    return int(check / alone > RATIO)


if __name__ == "__main__":
    sys.exit(main())
