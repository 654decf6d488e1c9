#!/usr/bin/env python
"""Muster's commands: `manage.py help` lists them, `manage.py up` starts everything."""

import contextlib
import os
import sys


def main() -> None:
    if sys.argv[1:2] == ["up"]:
        # The supervisor runs before there are settings: it starts the servers they point at.
        from config.supervisor.main import main as supervise

        sys.exit(supervise(sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("Django is not installed here. Run `make install`, then use .venv/bin/python manage.py.")
    from config.env import ConfigError

    # Services wake workers through it. Without settings it cannot be had; a command that needs them says so below.
    with contextlib.suppress(ImproperlyConfigured):
        import config.celery  # noqa: F401
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        if not isinstance(error.__cause__, ConfigError):
            raise
        sys.exit(str(error))  # a setting is missing: its name and the way out, without a trace of ours


if __name__ == "__main__":
    main()
