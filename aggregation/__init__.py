"""How the fleet trains together: jobs, rounds, updates. Empty until the first round is built."""
