"""The rules data: valid, free of duplicates, and right about the libraries installed here."""

from __future__ import annotations

import importlib
import inspect
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from mljob_codemod.errors import ConfigError
from mljob_codemod.rules import (
    Argument,
    CallTable,
    Kind,
    Manner,
    PathCall,
    Reader,
    Writer,
    call_rules,
    load_calls,
)
from mljob_codemod.rules.calls import mode_manner, mode_reads, mode_writes
from mljob_codemod.rules.options import load_options, option_name, option_rules
from mljob_codemod.rules.packages import (
    distributions,
    load_distributions,
    load_runtime_packages,
    normalize,
    runtime_packages,
)
from mljob_codemod.rules.rows import FOLDER, parse_toml

RULES = call_rules()
TABLES: dict[str, CallTable[Any]] = {
    "writers": RULES.writers,
    "readers": RULES.readers,
    "probes": RULES.probes,
}


# --- the files


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_row_is_valid_and_has_a_source(table: CallTable[Any]) -> None:
    rows = list(table.rows())
    assert len(rows) > 5
    assert all(row.source.strip() for row in rows)


@pytest.mark.parametrize("file", ["writers.toml", "readers.toml", "options.toml"])
def test_rows_found_by_splitting_are_those_that_toml_has(file: str) -> None:
    whole = parse_toml((FOLDER / file).read_text(encoding="utf-8"), FOLDER / file)
    expected = [
        name
        for rows in whole.values()
        if isinstance(rows, list)
        for row in rows
        for name in row["names"]
    ]
    if file == "options.toml":
        found = [name for row in option_rules().declarations for name in row.names]
    else:
        tables = ["writers"] if file == "writers.toml" else ["readers", "probes"]
        found = [name for table in tables for row in TABLES[table].rows() for name in row.names]
    assert Counter(found) == Counter(expected)


@pytest.mark.parametrize("file", ["writers.toml", "readers.toml", "options.toml"])
def test_no_name_stands_twice(file: str) -> None:
    whole = parse_toml((FOLDER / file).read_text(encoding="utf-8"), FOLDER / file)
    keys = Counter(
        (table, name, receiver)
        for table, rows in whole.items()
        if isinstance(rows, list)
        for row in rows
        for name in row["names"]
        for receiver in row.get("receivers", ["any"])
    )
    assert [key for key, count in keys.items() if count > 1] == []


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_names_are_spelled_as_after_the_aliases(table: CallTable[Any]) -> None:
    names = [*table.functions]
    for row in table.rows():
        names += [pattern.removesuffix(".*") for pattern in row.receivers + row.unless_receivers]
    assert [name for name in names if RULES.canonical(name) != name] == []


def test_every_entry_of_the_option_lists_is_spelled_as_names_are_compared() -> None:
    words = vars(option_rules().words)
    assert [w for entries in words.values() for w in entries if option_name(w) != w] == []


# --- the signatures of installed libraries

LIBRARIES = {
    "standard library": (
        "open os shutil pathlib glob codecs gzip bz2 lzma zipfile tarfile logging sqlite3 shelve"
        " dbm wave cProfile profile urllib fileinput linecache runpy xml"
    ),
    "numpy": "numpy",
    "pandas": "pandas",
    "scipy": "scipy",
    "sklearn": "sklearn",
    "joblib": "joblib",
    "matplotlib": "matplotlib",
}
NOT_IN_EVERY_VERSION = {"numpy.recfromcsv", "numpy.lib.format.open_memmap"}


def resolve(name: str) -> Any:
    parts = ["builtins", name] if "." not in name else name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            value = getattr(value, part)
        return value
    raise AttributeError(name)


def takes(argument: Argument, call: Callable[..., Any], *, bound: bool) -> bool:
    parameters = list(inspect.signature(call).parameters.values())[0 if bound else 1 :]
    kinds = inspect.Parameter
    by_position = [
        p.name for p in parameters if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
    ]
    by_keyword = {
        p.name for p in parameters if p.kind in (kinds.KEYWORD_ONLY, kinds.POSITIONAL_OR_KEYWORD)
    }
    if argument.position is None:
        any_keyword = any(p.kind is kinds.VAR_KEYWORD for p in parameters)
        return any_keyword or not by_keyword.isdisjoint(argument.keywords)
    if argument.position >= len(by_position):  # pyplot wraps some methods as (*args, **kwargs)
        return any(p.kind is kinds.VAR_POSITIONAL for p in parameters)
    return by_position[argument.position] in argument.keywords


def arguments_of(row: PathCall) -> Iterable[Argument]:
    yield from row.arguments
    if row.mode is not None:
        yield row.mode.argument


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("table", TABLES)
def test_arguments_of_functions_are_where_the_library_has_them(table: str, library: str) -> None:
    if library != "standard library":
        pytest.importorskip(library)
    wrong, checked = [], 0
    for name in TABLES[table].functions:
        if name.partition(".")[0] not in LIBRARIES[library].split():
            continue
        row = TABLES[table].function(name)
        assert row is not None
        try:
            function = resolve(name)
            inspect.signature(function)
        except AttributeError:
            wrong += [] if name in NOT_IN_EVERY_VERSION else [f"{name} does not exist"]
            continue
        except ValueError:  # written in C without a signature
            continue
        checked += 1
        wrong += [
            f"{name}: {argument}"
            for argument in arguments_of(row)
            if not takes(argument, function, bound=True)
        ]
    assert wrong == []
    assert checked or table != "writers"


@pytest.mark.parametrize(
    ("owner", "least"),
    [
        ("pandas.DataFrame", 9),
        ("matplotlib.figure.Figure", 1),
        ("pathlib.Path", 10),
        ("zipfile.ZipFile", 1),
        ("tarfile.TarFile", 1),
        ("configparser.ConfigParser", 1),
        ("cProfile.Profile", 1),
    ],
)
def test_arguments_of_methods_are_where_the_class_has_them(owner: str, least: int) -> None:
    pytest.importorskip(owner.partition(".")[0])
    cls = resolve(owner)
    wrong, checked = [], 0
    for table in TABLES.values():
        for name in table.methods:
            row = table.method(name, owner)
            if row is None or not hasattr(cls, name) or not row.certain:
                continue
            checked += 1
            wrong += [
                f"{name}: {argument}"
                for argument in arguments_of(row)
                if not argument.receiver and not takes(argument, getattr(cls, name), bound=False)
            ]
    assert wrong == []
    assert checked >= least


# --- finding a row


def writer(**call: str | None) -> Writer:
    row = RULES.find(RULES.writers, **call)
    assert row is not None
    return row


def reader(**call: str | None) -> Reader:
    row = RULES.find(RULES.readers, **call)
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("torch.save", Argument(1, ("f",))),
        ("tensorflow.keras.callbacks.ModelCheckpoint", Argument(0, ("filepath",))),
        ("tensorflow.compat.v1.keras.callbacks.CSVLogger", Argument(0, ("filename",))),
        ("pytorch_lightning.callbacks.ModelCheckpoint", Argument(0, ("dirpath",))),
        ("io.open", Argument(0, ("file",))),
    ],
)
def test_function_is_found_under_every_public_name(function: str, expected: Argument) -> None:
    assert writer(function=function).arguments == (expected,)


def test_class_method_is_found_by_the_name_of_the_method() -> None:
    assert reader(function="transformers.AutoModel.from_pretrained").name_or_path


def test_class_method_of_one_library_has_its_own_position() -> None:
    row = reader(function="peft.PeftModel.from_pretrained")
    assert row.arguments == (Argument(1, ("model_id",)),)


@pytest.mark.parametrize("function", ["PIL.Image.open", "checkpoints.save", "json.dump", "os.walk"])
def test_function_that_writes_nothing_is_not_found(function: str) -> None:
    assert RULES.find(RULES.writers, function=function) is None


def test_receiver_decides_which_row_of_a_method_holds() -> None:
    def save_model(receiver: str | None) -> Manner:
        return writer(method="save_model", receiver=receiver).manner_for("model.json")

    assert save_model("lightgbm.train") is Manner.APPEND
    assert save_model("xgboost.train") is Manner.SEQUENTIAL
    assert save_model("transformers.Trainer") is Manner.RANDOM
    assert save_model(None) is Manner.SEQUENTIAL


def test_uncertain_method_says_so_until_the_receiver_is_known() -> None:
    assert writer(method="save", receiver="PIL.Image.open").certain
    assert not writer(method="save").certain


def test_method_row_is_not_used_for_excluded_receivers() -> None:
    assert RULES.find(RULES.writers, method="to_html", receiver="plotly.express.line") is None
    assert writer(method="to_html", receiver="pandas.DataFrame")


def test_receiver_pattern_does_not_match_a_longer_first_name() -> None:
    assert not writer(method="save", receiver="kerasish.Model").certain


@pytest.mark.parametrize(
    ("function", "target", "mode", "manner"),
    [
        ("open", "a.txt", "w", Manner.SEQUENTIAL),
        ("open", "a.txt", "a", Manner.APPEND),
        ("open", "a.txt", "r+", Manner.RANDOM),
        ("numpy.save", "a.npy", None, Manner.SEQUENTIAL),
        ("numpy.savez", "a.npz", None, Manner.RANDOM),
        ("numpy.memmap", "a.dat", "w+", Manner.RANDOM),
        ("logging.FileHandler", "a.log", None, Manner.APPEND),
        ("logging.FileHandler", "a.log", "w", Manner.SEQUENTIAL),
        ("logging.basicConfig", "a.log", None, Manner.APPEND),
        ("zipfile.ZipFile", "a.zip", "w", Manner.RANDOM),
        ("tarfile.open", "a.tar.gz", "w:gz", Manner.SEQUENTIAL),
        ("torch.save", "a.pt", None, Manner.SEQUENTIAL),
        ("torch.utils.tensorboard.SummaryWriter", None, None, Manner.APPEND),
        ("tensorboardX.SummaryWriter", None, None, Manner.SEQUENTIAL),
        ("safetensors.numpy.save_file", "a.safetensors", None, Manner.RANDOM),
        ("h5py.File", "a.h5", "w", Manner.RANDOM),
        ("shutil.make_archive", "a", None, Manner.RANDOM),
        ("sqlite3.connect", "a.db", None, Manner.RANDOM),
    ],
)
def test_manner_is_as_measured(
    function: str, target: str | None, mode: str | None, manner: Manner
) -> None:
    row = writer(function=function)
    assert row.writes(mode)
    assert row.manner_for(target, mode) is manner


@pytest.mark.parametrize(
    ("method", "receiver", "target", "manner"),
    [
        ("to_csv", None, "a.csv", Manner.SEQUENTIAL),
        ("to_csv", None, "a.csv.gz", Manner.SEQUENTIAL),
        ("to_csv", None, "a.ZIP", Manner.RANDOM),
        ("to_excel", None, "a.xlsx", Manner.RANDOM),
        ("to_hdf", None, "a.h5", Manner.RANDOM),
        ("to_parquet", None, "a.parquet", Manner.SEQUENTIAL),
        ("savefig", None, "a.png", Manner.SEQUENTIAL),
        ("save", "tensorflow.keras.Sequential", "a.keras", Manner.RANDOM),
        ("save", None, "a.h5", Manner.RANDOM),
        ("save", None, "a.pt", Manner.SEQUENTIAL),
        ("save_model", None, "a.txt", Manner.APPEND),
        ("save_pretrained", None, "model", Manner.RANDOM),
        ("write_text", "pathlib.Path", None, Manner.SEQUENTIAL),
    ],
)
def test_manner_of_methods_is_as_measured(
    method: str, receiver: str | None, target: str | None, manner: Manner
) -> None:
    assert writer(method=method, receiver=receiver).manner_for(target) is manner


@pytest.mark.parametrize(
    ("mode", "writes", "reads", "manner"),
    [
        ("r", False, True, Manner.SEQUENTIAL),
        ("rb", False, True, Manner.SEQUENTIAL),
        ("w", True, False, Manner.SEQUENTIAL),
        ("wb", True, False, Manner.SEQUENTIAL),
        ("w+", True, False, Manner.SEQUENTIAL),
        ("x", True, False, Manner.SEQUENTIAL),
        ("ab", True, False, Manner.APPEND),
        ("r+b", True, True, Manner.RANDOM),
        ("r:xz", False, True, Manner.SEQUENTIAL),
        ("w|gz", True, False, Manner.SEQUENTIAL),
    ],
)
def test_mode_decides_like_that_of_open(
    mode: str, writes: bool, reads: bool, manner: Manner
) -> None:
    assert (mode_writes(mode), mode_reads(mode), mode_manner(mode)) == (writes, reads, manner)


def test_call_without_mode_uses_the_default() -> None:
    assert not writer(function="open").writes()
    assert reader(function="open").reads()
    assert not reader(function="open").reads("w")


def test_trigger_words_are_last_parts_of_names() -> None:
    words = RULES.trigger_words()
    assert {"save", "to_csv", "SummaryWriter", "read_csv", "exists"} <= words
    assert not [word for word in words if "." in word]


# --- wrong files


GOOD_ROW = 'names = ["a.b"]\nargument = [0, "path"]\nsource = "documentation"\n'


def load_row(folder: Path, row: str) -> None:
    writers, readers = folder / "my_writers.toml", folder / "my_readers.toml"
    writers.write_text(f'[aliases]\n"x.y" = "a"\n\n{row}', encoding="utf-8")
    readers.write_text("", encoding="utf-8")
    list(load_calls(writers, readers).writers.rows())


def test_good_row_is_taken(tmp_path: Path) -> None:
    load_row(tmp_path, "[[function]]\n" + GOOD_ROW)


@pytest.mark.parametrize(
    ("row", "line", "message"),
    [
        ("[[function]]\n" + GOOD_ROW + "maner = 'append'", 8, "[[function]] maner: unknown key"),
        ("[[function]]\n" + GOOD_ROW + "manner = 'slow'", 8, "[[function]] manner: must be one of"),
        ("[[function]]\n" + GOOD_ROW + "cache = 'no'", 8, "[[function]] cache: must be true or"),
        ("[[function]]\n" + GOOD_ROW + "mode = ['w']", 8, "[[function]] mode: must be [position"),
        ("[[function]]\n" + GOOD_ROW + "receivers = []", 8, "[[function]] receivers: unknown key"),
        ("[[function]]\nnames = ['a.b']\nargument = [0]", 4, "[[function]] source: is missing"),
        ("[[method]]\nnames = ['a']\nsource = 'b'", 4, "[[method]] argument: is missing"),
        ("[[method]]\nargument = [0]\nsource = 'b'", 4, "[[method]] names: is missing"),
        ("[[method]]\nnames = ['a']\nargument = [-1]", 6, "[[method]] argument: must be [position"),
        ("[[method]]\nnames = ['a b']", 5, "[[method]] names: must be a list of names"),
        ("[[function]]\nnames = ['a']\nkind = file", 6, "Invalid value"),
        ("[[functions]]\n" + GOOD_ROW, 4, "unknown table [[functions]]"),
    ],
)
def test_wrong_row_names_file_line_and_key(
    tmp_path: Path, row: str, line: int, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_row(tmp_path, row)
    assert caught.value.path.endswith("my_writers.toml")
    assert caught.value.line == line
    assert message in caught.value.message


def test_wrong_alias_names_file_and_key(tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_text('[aliases]\n"x.y" = 3\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"w\.toml: \[aliases\] x\.y: must be a string"):
        load_calls(tmp_path / "w.toml", FOLDER / "readers.toml")


def test_missing_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        load_calls(tmp_path / "none.toml", FOLDER / "readers.toml")


@pytest.mark.parametrize(
    ("load", "text", "message"),
    [
        (load_options, "[never]\nname = []", "[never] name: unknown key"),
        (load_options, "[never]\nnames = 1", "[never] names: must be a list of strings"),
        (load_options, "[never]\nnames = []", "[outputs] names: is missing"),
        (load_options, "never = 1", "never: must be a table"),
        (load_distributions, "[distributions]\na = 'b'", "not-on-index: must be a list"),
        (load_distributions, "not-on-index = []\n[distributions]\na = 1", "a: must be a string"),
        (load_runtime_packages, "runtime = 2", "runtime: must be a string"),
        (
            load_runtime_packages,
            "runtime = '1'\npythons = ['3.10']\npackages = '''\na 1 tpu'''",
            "packages: 'a 1 tpu' must be a name, a version and images",
        ),
        (
            load_runtime_packages,
            "runtime = '1'\npythons = ['3.10']\npackages = '''\na 1\na 2 cpu'''",
            "packages: a has two versions in cpu3.10",
        ),
        (
            load_runtime_packages,
            "runtime = '1'\npythons = ['3.10']\npackages = 'a 1'\n[imports]\nb = ['c']",
            "b: is not among the packages",
        ),
    ],
)
def test_other_wrong_files_name_file_and_key(
    tmp_path: Path, load: Callable[[Path], object], text: str, message: str
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.path == str(path)
    assert message in caught.value.message


# --- options


@pytest.mark.parametrize(
    "option",
    [
        "--output", "--output_dir", "--output-dir", "--outputDir", "--out", "-o", "--outdir",
        "--save-dir", "--save_model_path", "--log_dir", "--logdir", "--tb_logdir", "--model_dir",
        "--checkpoint-dir", "--ckpt_dir", "--results_dir", "--work_dir", "--exp-dir", "--run_dir",
        "--plot-dir", "--export_dir", "--tensorboard_dir", "--metrics-file", "--model_out",
        "--train_output_file", "--snapshot_pref", "trainer.save_dir", "--submission_path",
        "--smoke_report_path", "--data-output-dir",
    ],
)  # fmt: skip
def test_option_usually_says_where_results_go(option: str) -> None:
    assert option_rules().usually_output(option)
    assert not option_rules().never_output(option)


@pytest.mark.parametrize(
    "option",
    [
        "--data-dir", "--dataset", "--cache_dir", "--input", "--input_file", "--config", "--resume",
        "--pretrained", "--pretrained_checkpoint_dir", "--vocab_file", "--log_interval",
        "--save_steps", "--output_format", "--resume_from_checkpoint",
    ],
)  # fmt: skip
def test_option_is_never_an_output(option: str) -> None:
    assert option_rules().never_output(option)
    assert not option_rules().usually_output(option)


@pytest.mark.parametrize(
    "option", ["--lr", "--dropout", "--hold_out", "--model_path", "--ckpt_path", "--no-output"]
)
def test_name_alone_says_nothing(option: str) -> None:
    assert not option_rules().usually_output(option)
    assert not option_rules().never_output(option)


@pytest.mark.parametrize(
    ("name", "receiver", "framework"),
    [
        ("add_argument", "argparse.ArgumentParser", "argparse"),
        ("add_argument", None, "argparse"),
        ("add_argument", "jsonargparse.ArgumentParser", "other"),
        ("click.option", None, "click"),
        ("typer.Option", None, "typer"),
        ("absl.flags.DEFINE_string", None, "absl"),
        ("tensorflow.app.flags.DEFINE_string", None, "tf_flags"),
    ],
)
def test_declaration_is_found(name: str, receiver: str | None, framework: str) -> None:
    row = option_rules().declaration(name, receiver)
    assert row is not None
    assert row.framework == framework


@pytest.mark.parametrize(
    ("name", "receiver"), [("add", None), ("add_argument", "my.Parser"), ("click.echo", None)]
)
def test_other_calls_declare_nothing(name: str, receiver: str | None) -> None:
    assert option_rules().declaration(name, receiver) is None


# --- packages


@pytest.mark.parametrize(
    ("import_name", "distribution"),
    [
        ("cv2", "opencv-python"),
        ("sklearn", "scikit-learn"),
        ("sklearn.linear_model", "scikit-learn"),
        ("PIL.Image", "pillow"),
        ("yaml", "PyYAML"),
        ("huggingface_hub", "huggingface-hub"),
        ("google.cloud.storage", "google-cloud-storage"),
        ("google.cloud.secret_manager", "google-cloud-secret-manager"),
        ("snowflake.ml.jobs", "snowflake-ml-python"),
        ("torch", "torch"),
        ("apex", None),
        ("google.colab.drive", None),
    ],
)
def test_distribution_of_an_import(import_name: str, distribution: str | None) -> None:
    assert distributions().providing(import_name) == distribution


def test_runtime_package_is_found_by_import_and_by_distribution() -> None:
    packages = runtime_packages()
    assert packages.named("Scikit_Learn") is packages.packages["scikit-learn"]
    assert packages.providing("sklearn.linear_model") is packages.packages["scikit-learn"]
    assert packages.providing("cv2") is None
    assert packages.named("opencv-python") is None


@pytest.mark.parametrize(
    ("distribution", "cpu", "gpu"),
    [
        ("numpy", ["3.10", "3.11", "3.12"], ["3.10", "3.11", "3.12"]),
        ("h5py", ["3.10", "3.11"], ["3.10", "3.11"]),
        ("accelerate", ["3.12"], ["3.10", "3.11", "3.12"]),
        ("peft", [], ["3.10", "3.11", "3.12"]),
    ],
)
def test_runtime_package_differs_between_images(
    distribution: str, cpu: list[str], gpu: list[str]
) -> None:
    packages = runtime_packages()
    package = packages.packages[distribution]
    assert [python for python in packages.pythons if package.version("cpu", python)] == cpu
    assert [python for python in packages.pythons if package.version("gpu", python)] == gpu


def test_runtime_list_is_complete() -> None:
    packages = runtime_packages()
    assert len(packages.packages) == 358
    assert all(normalize(name) == name and p.versions for name, p in packages.packages.items())


def test_kinds_of_readers_and_writers() -> None:
    makedirs = writer(function="os.makedirs")
    assert makedirs.kind is Kind.DIRECTORY
    assert makedirs.makes_folder
    assert makedirs.creates_parents
    assert reader(function="glob.glob").kind is Kind.PATTERN
