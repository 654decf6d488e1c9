"""Builds the one command that an operator copies to a device."""

from django.conf import settings

from fleet.trust.selectors import agent_wheel, server_key


def for_secret(secret: str) -> str:
    """Return the shell line that installs the agent served here and enrols with `secret`.

    pip refuses a wheel whose bytes do not have the SHA-256 behind the `#`. While no wheel is
    built the line only enrols, for devices that have the agent already.
    """
    server: str = settings.MUSTER_PUBLIC_URL
    enrol = f"muster-agent enrol --server {server} --pin {server_key.pin()} --token {secret}"
    wheel = agent_wheel.current()
    if wheel is None:
        return enrol
    return f'python3 -m pip install "{wheel.url}#sha256={wheel.sha256}" && {enrol}'
