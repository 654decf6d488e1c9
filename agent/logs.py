"""Plain log lines on stderr: time in UTC, level, module, what happened, key=value."""

import logging
import sys
import time


def configure(level: int = logging.INFO) -> None:
    """Send the agent's log to stderr; libraries speak only from warnings on."""
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("agent").setLevel(level)
