"""Named moments at which a test ends this process as a power cut would.

Nothing happens unless MUSTER_FAILPOINT names one of them.
"""

import os
import signal

from django.conf import settings

VARIABLE = "MUSTER_FAILPOINT"


def reach(name: str) -> None:
    """End this process if the variable names this moment and it has not happened yet in this data directory."""
    if os.environ.get(VARIABLE) != name:
        return
    mark = settings.MUSTER_DATA_DIR / f"failpoint-{name}"
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
