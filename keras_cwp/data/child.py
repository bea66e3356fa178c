"""What a process that was started to help must do for itself."""

from __future__ import annotations

import multiprocessing
import os
import threading


def leave_with_parent() -> None:
    """End this process when its parent is gone: one that was killed cannot tell its children to stop."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
