"""What server and device share: wire, canonical forms, identities.

Imports no Django and nothing else of this repository.
"""

__version__ = "0.1.0"
