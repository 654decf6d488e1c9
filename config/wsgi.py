"""Pages and REST for a WSGI server, where the sync part runs apart from the sockets."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

from config.celery import app as celery  # noqa: E402, F401  (through which services wake workers)
