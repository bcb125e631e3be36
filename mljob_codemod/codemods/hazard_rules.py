"""The codes of ``hazards.py`` and their documentation."""

from __future__ import annotations

from mljob_codemod.findings import Documentation, Level, Rule, Safety

_SKIP = "leave it out in a job"

ASKS = Rule(
    "MLJ911",
    "question-to-a-person",
    Level.WARNING,
    Documentation(
        finds="A call that waits for a person or asks the terminal: `input()`, `getpass`, prompts of click and typer, "
        "`os.get_terminal_size()`, `sys.stdin` that is read or looped over, `signal.pause()`. One whose answer is not "
        "used is left out in a job by the fix; any other is an error.",
        matters="A job has no terminal; its standard input is at its end. `input()` raises EOFError (measured), click "
        "aborts, and a terminal that is asked for its size is an OSError. `sys.stdin.read()` gives nothing, and no exception "
        "says so.",
        before="""\
def main():
    input("Press Enter to start")
    print("training")


main()
""",
        after="""\
import os


def main():
    if "MLRS_STAGE_RESULT_PATH" not in os.environ:
        input("Press Enter to start")
    print("training")


main()
""",
        by_hand="Take the answer from an option with a default, or from an environment variable.",
    ),
    _SKIP,
    Safety.SAFE,
)
STOPS = Rule(
    "MLJ912",
    "debugger-in-job",
    Level.WARNING,
    Documentation(
        finds="A call that stops in a debugger or an interpreter: `breakpoint()`, `pdb.set_trace()`, that of a "
        "debugger's class or of one that inherits from it, `IPython.embed()`, `debugpy.wait_for_client()`.",
        matters="A job has no terminal: a debugger reads the end of the input and ends the script with BdbQuit "
        "(measured), and one that waits for a connection waits for ever.",
        before="""\
import pdb

loss = 0.5
pdb.set_trace()
print(loss)
""",
        after="""\
import os
import pdb

loss = 0.5
if "MLRS_STAGE_RESULT_PATH" not in os.environ:
    pdb.set_trace()
print(loss)
""",
        by_hand="Take the call out. `PYTHONBREAKPOINT=0` in the job's environment turns `breakpoint()` off.",
    ),
    _SKIP,
    Safety.SAFE,
)
OPENS = Rule(
    "MLJ913",
    "window-in-job",
    Level.WARNING,
    Documentation(
        finds="A call that opens a window: `cv2.imshow`, tkinter, Qt, pygame, or a Matplotlib backend with windows.",
        matters="A job has no display, so the call fails: tkinter with TclError, Matplotlib with ImportError (measured).",
        before="""\
import matplotlib

matplotlib.use("TkAgg")
import matplotlib.pyplot as plt

plt.plot([1, 2, 3])
""",
        after="""\
import os

import matplotlib

if "MLRS_STAGE_RESULT_PATH" not in os.environ:
    matplotlib.use("TkAgg")
import matplotlib.pyplot as plt

plt.plot([1, 2, 3])
""",
        by_hand="Write pictures to files, and leave windows out where there is no display.",
    ),
    _SKIP,
    Safety.SAFE,
)
SHOWS = Rule(
    "MLJ914",
    "shown-and-not-saved",
    Level.NOTE,
    Documentation(
        finds="Figures that are shown and never saved: `plt.show()` in a script without `savefig`, plotly's `show`; pages "
        "opened in a browser.",
        matters="Nothing fails: without a display Matplotlib takes the backend Agg, whose `show` does nothing (measured). "
        "But nobody sees the figure, and a job keeps only files. Where the script saves its figures, nothing is said.",
        by_hand="Save the figure, `plt.savefig('loss.png')`; the file is then kept like other results.",
    ),
)
MACHINE_PATH = Rule(
    "MLJ915",
    "folder-of-one-machine",
    Level.NOTE,
    Documentation(
        finds="A path in somebody's home (`/home/…`, `/Users/…`, `C:\\Users\\…`) that is neither a result nor an input: on the "
        "import path, in an environment variable, handed to a command.",
        matters="A job runs in a container, which has no such folder. Results and inputs with such paths are found by "
        "other rules.",
        by_hand="Name the folder by an option or an environment variable, relative to the script where it travels with it.",
    ),
)
CHANGED_FOLDER = Rule(
    "MLJ916",
    "change-to-absolute-folder",
    Level.ERROR,
    Documentation(
        finds="A change of the working directory, `os.chdir`, to an absolute folder or one in the home folder.",
        matters="A job has no such folder, so the call fails. Its working directory is the root of the payload, and relative "
        "paths are meant from there.",
        by_hand="Take the folder from an option, or leave the change out in a job.",
    ),
)

RULES = (ASKS, STOPS, OPENS, SHOWS, MACHINE_PATH, CHANGED_FOLDER)
