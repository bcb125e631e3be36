"""A codemod that turns a local Python machine learning script or project into a Snowflake ML Job."""

__version__ = "0.1.0"
