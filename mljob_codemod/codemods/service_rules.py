"""The rules about outside services, with their documentation."""

from __future__ import annotations

from mljob_codemod.findings import Documentation, Level, Rule

_EGRESS = "https://docs.snowflake.com/en/developer-guide/snowpark-container-services/service-network-communications"

NO_INTEGRATION = Rule(
    "MLJ401",
    "service-without-integration",
    Level.ERROR,
    Documentation(
        finds="An outside service that the run reaches with its default options, and for which the settings name no "
        "external access integration: a model or data set that is downloaded, a tracker, an API, a bucket, a web page. Where "
        "it depends on a value that the source does not fix (a required option that may be a name or a path), it is a note.",
        matters="A job has no way out of the account without an integration: the call fails, or waits until it gives up. "
        "Local paths, offline settings (`HF_HUB_OFFLINE`, `local_files_only=True`, `WANDB_MODE=disabled`) and "
        "what is turned off by default reach nothing and are not reported.",
        by_hand="Name an integration for the service in the settings, `[tool.mljob-codemod.integrations]`; "
        "`mljob-codemod init` finds those of the account, and `mljob-codemod setup` writes the SQL for one. Or turn the "
        "service off, or give the script a path on a stage.",
        reference=_EGRESS,
    ),
)
RULES = (NO_INTEGRATION,)
