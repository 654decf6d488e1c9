"""Frames on disk until the server has stored them."""

from agent.spool.cursor import Cursor, SpooledFrame
from agent.spool.spool import Number, Spool

__all__ = ["Cursor", "Number", "Spool", "SpooledFrame"]
