"""The rules about distribution, with their documentation."""

from __future__ import annotations

from mljob_codemod.findings import Documentation, Level, Rule, Safety

_NODES = "https://docs.snowflake.com/en/developer-guide/snowflake-ml/ml-jobs/distributed-ml-jobs"

RAY_INIT = Rule(
    "MLJ801",
    "ray-init-in-a-job",
    Level.WARNING,
    Documentation(
        finds="`ray.init(…)` without `ignore_reinit_error`.",
        matters="The launcher connects to the job's Ray cluster before the script runs. A second `ray.init` "
        "fails with «Maybe you called ray.init twice by accident?». With `ignore_reinit_error=True` it takes the "
        "connection there is; what it is given (address, number of CPUs) is then ignored in a job.",
        before="""\
import ray


@ray.remote
def square(number):
    return number * number


if __name__ == "__main__":
    ray.init(num_cpus=4)
    print(sum(ray.get([square.remote(number) for number in range(10)])))
""",
        after="""\
import ray


@ray.remote
def square(number):
    return number * number


if __name__ == "__main__":
    ray.init(num_cpus=4, ignore_reinit_error=True)
    print(sum(ray.get([square.remote(number) for number in range(10)])))
""",
        by_hand="Where the source calls `ray.init` several times, or in a loop, outside a job the second call "
        "still has to fail: there the argument is true in a job only.",
        reference="https://docs.ray.io/en/latest/ray-core/api/doc/ray.init.html",
    ),
    "take the job's Ray connection",
    Safety.SAFE,
)
NEEDS_LAUNCHER = Rule(
    "MLJ802",
    "script-for-a-launcher",
    Level.ERROR,
    Documentation(
        finds="Code that a default run comes to and that needs the variables of torchrun or a like launcher: "
        "`os.environ['LOCAL_RANK']` without a default, `init_process_group()` with neither rank nor address.",
        matters="A job runs the script as one process, without those variables: it fails at once with a "
        "KeyError, or waits for them.",
        by_hand="Give defaults for one process (`os.environ.get('LOCAL_RANK', 0)`). For several GPUs of a node "
        "submit `entrypoint=['torchrun', '--standalone', '--nproc-per-node=gpu', 'train.py']` (client 1.22). For "
        "several nodes use `parallel=True` (client 1.53), which sets MLRS_HEAD_IP and MLRS_NODE_IPS, or the "
        "runtime's PyTorchDistributor.",
        reference=_NODES,
    ),
)
IDLE_NODES = Rule(
    "MLJ803",
    "nodes-that-stay-idle",
    Level.ERROR,
    Documentation(
        finds="`target_instances` above 1 in the settings for a script that neither Ray nor the runtime's "
        "distributors spread over nodes, and that is not written to run on each of them.",
        matters="A job runs its script on the first node only. The others join its Ray cluster, do nothing, and "
        "cost as much.",
        by_hand="Set `target_instances` to 1; or distribute the work with Ray or the distributors of "
        "`snowflake.ml.modeling.distributors`; or submit by hand with `parallel=True` (client 1.53), which runs "
        "the script on every node.",
        reference=_NODES,
    ),
)
APART_NODES = Rule(
    "MLJ804",
    "nodes-that-do-not-meet",
    Level.ERROR,
    Documentation(
        finds="`target_instances` above 1 in the settings for a script of PyTorch's distributed kinds (DDP, FSDP, "
        "DeepSpeed, Accelerate, Lightning) that reads neither MLRS_HEAD_IP nor MLRS_NODE_IPS.",
        matters="The submission passes `parallel=True` (client 1.53), so that every node starts the script. Without an "
        "address to meet at, each trains by itself, or waits for the others until it times out.",
        by_hand="Before the process group is made, in a job of several nodes, set `MASTER_ADDR` to "
        "`os.environ['MLRS_HEAD_IP']`, `MASTER_PORT` to `os.environ['MLRS_RDZV_PORT']`, `RANK` to "
        "`os.environ['SNOWFLAKE_JOB_INDEX']` and `WORLD_SIZE` to `os.environ['SNOWFLAKE_JOBS_COUNT']`: one process "
        "a node. For a process on each GPU start the training through torchrun with that address, or use the "
        "runtime's PyTorchDistributor.",
        reference=_NODES,
    ),
)
RULES = (RAY_INIT, NEEDS_LAUNCHER, IDLE_NODES, APART_NODES)
