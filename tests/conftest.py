"""One thread a process (pytest-xdist brings the processes), no model hub, and Ctrl-C as it is in a terminal."""

from __future__ import annotations

import os
import signal

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts the tests in its background ignores it
