"""Where a model runs: profiles, planner, routes. Empty until the first plan is built."""
