"""The wire between device and gateway: messages, envelope, version negotiation."""
