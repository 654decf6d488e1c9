"""The gateway process: node sockets on their own listener, outside Channels."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from fleet.telemetry.gateway.app import create_application  # noqa: E402  (apps must be loaded first)

application = create_application()
