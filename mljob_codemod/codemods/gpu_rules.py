"""The rules about GPUs and instance families, with their documentation."""

from __future__ import annotations

from mljob_codemod.findings import Documentation, Level, Rule

_POOLS = "https://docs.snowflake.com/en/developer-guide/snowpark-container-services/working-with-compute-pool"

NO_GPU = Rule(
    "MLJ301",
    "gpu-script-in-a-cpu-pool",
    Level.ERROR,
    Documentation(
        finds="A script that needs a GPU by default, where the settings choose `SYSTEM_COMPUTE_POOL_CPU`.",
        matters="The pool's nodes have no GPU: the first `.cuda()` fails.",
        by_hand="Leave `compute_pool` unset for this job, or set a pool whose instance family has GPUs.",
        reference=_POOLS,
    ),
)
LARGE_MODEL = Rule(
    "MLJ302",
    "model-larger-than-the-gpu",
    Level.NOTE,
    Documentation(
        finds="A model whose name tells its size, and that takes more memory than the GPUs of the system "
        "pool have.",
        matters="The nodes of `SYSTEM_COMPUTE_POOL_GPU` have one GPU with 24 GiB. The estimate counts the "
        "bytes of each parameter for weights, gradients and optimizer, by the precision that the source "
        "sets, and a fifth for activations, which depend on the batch.",
        by_hand="Create a pool of the family that the finding names (`mljob-codemod setup` writes the SQL) "
        "and set `compute_pool`; or train adapters, load the model in fewer bits, or take a smaller one.",
        reference=_POOLS,
    ),
)
GPU_INDEX = Rule(
    "MLJ303",
    "gpu-index-of-one-machine",
    Level.ERROR,
    Documentation(
        finds="A GPU chosen by an index above 0 that the source or an option's default fixes, as in "
        "`CUDA_VISIBLE_DEVICES`, `torch.device('cuda:1')` and `.cuda(2)`.",
        matters="A node of the system pool has one GPU, number 0. Another index fails with «invalid device "
        "ordinal»; with `CUDA_VISIBLE_DEVICES` no GPU is seen, and the script may quietly compute on the CPU.",
        by_hand="Name no index (`cuda`), or take it from an option and pass another in the job.",
        reference=_POOLS,
    ),
)
RULES = (NO_GPU, LARGE_MODEL, GPU_INDEX)
