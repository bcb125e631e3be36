"""What needs a Snowflake account: the SQL that prepares one, pools and integrations, the life of a job.

The rest of the package never imports this.
"""
