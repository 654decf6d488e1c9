"""How often each queue's canary is sent, and how old its stamp may grow."""

from datetime import timedelta

QUEUES = ("control", "rollout", "aggregation")
SENT_EVERY = timedelta(seconds=10)
FRESH_FOR = timedelta(seconds=60)  # six canaries in a row did not arrive
