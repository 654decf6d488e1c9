"""What stands between the network and the applications: bounds on the time and size of requests."""
