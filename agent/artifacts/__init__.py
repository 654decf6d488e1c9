"""Files by the hash of their bytes: on this device's disk, and fetched from the gateway."""
