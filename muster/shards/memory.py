"""What running shards costs besides the shards: server and device must reckon alike."""

# What a fresh process takes before its first shard: torch and scikit-learn measured 390 MB together, and
# some room for activations.
RUNTIME_BYTES = 448 << 20
