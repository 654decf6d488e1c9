"""Publishes the versions that wait, as the worker of the queue `aggregation` does; it imports torch. Run as a program
with the environment of the web process.

    python -m tests.browser.publish_versions
"""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from fleet.registry.services import versions  # noqa: E402

if __name__ == "__main__":
    versions.reconcile()
