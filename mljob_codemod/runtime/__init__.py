"""Running a submission on this machine: a local account, and what keeps a job apart from its user."""
