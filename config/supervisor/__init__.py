"""Starts and keeps everything on one machine."""
