"""`python -m agent` is `muster-agent`."""

import sys

from agent.cli import main

sys.exit(main())
