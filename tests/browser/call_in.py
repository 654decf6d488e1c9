"""Enrols a device over HTTP as its agent does. Run as a program with the environment of the web process, whose key it
has to name:

    python -m tests.browser.call_in URL TOKEN NAME
"""

import os
import sys
from urllib.request import Request, urlopen

import django
import msgspec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from tests import devices  # noqa: E402


def main(url: str, secret: str, name: str) -> None:
    """Send one signed request; an answer that refuses it raises."""
    body = msgspec.json.encode(devices.request(secret, name=name))
    request = Request(f"{url}/api/v1/enrolment", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=10):
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
