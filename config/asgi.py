"""The web process: pages and REST over HTTP, browser sockets through Channels."""

import os
from typing import cast

from asgiref.typing import ASGI3Application
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django = get_asgi_application()

from django.conf import settings  # noqa: E402  (apps must be loaded first)
from django.urls import path  # noqa: E402

from config.celery import app as celery  # noqa: E402, F401  (through which services wake workers)
from config.http.bodies import BoundedBodies  # noqa: E402
from fleet.telemetry.consumers import LiveConsumer  # noqa: E402

http = BoundedBodies(cast(ASGI3Application, django), most_bytes=settings.MUSTER_MAX_BODY_BYTES)
sockets = URLRouter([path("live", LiveConsumer.as_asgi())])
application = ProtocolTypeRouter({"http": http, "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(sockets))})
