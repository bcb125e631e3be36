"""What a project says it needs: requirement files of all kinds, lock files, an installed environment.

``declared`` has the records, ``pip_files`` reads what pip reads, ``project_files`` the other kinds,
``locks`` versions that are settled, ``search`` finds the files that speak for a script.
Nothing here installs, asks an index or runs user code.
"""
