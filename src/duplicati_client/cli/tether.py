"""Lets a process in the background live no longer than the one that started it, however that one ends."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import NoReturn

from .call import Process
from .console import open_console
from .main import main

_ENDING_SECONDS = 15.0


class Tether:
    """Waits for the end of stdin, whose other end nobody but the starter holds; then ends this process in order."""

    def __init__(self, folder: str) -> None:
        """`folder` is removed once both are gone: the starter cannot do it any more."""
        self._folder = folder
        self._is_torn = False
        self._stdin = os.dup(0)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)  # what runs here is asked nothing, and reads nothing of what is for us
        os.close(nothing)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while os.read(self._stdin, 1):
            pass
        self._is_torn = True
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_ENDING_SECONDS)
        self.end(1)

    def end(self, status: int) -> NoReturn:
        """End with this status; of several processes the last one to end leaves nothing of the folder."""
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        if self._is_torn:
            shutil.rmtree(self._folder, ignore_errors=True)
        os._exit(status)


def run() -> NoReturn:
    """Be the program `duplicati`; before its words comes the folder of the one who starts it."""
    tether = Tether(sys.argv[1])
    tether.end(main(sys.argv[2:], Process(os.environ, open_console(os.environ), input)))
