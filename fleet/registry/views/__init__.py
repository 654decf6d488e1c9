"""Pages of the registry: the node list, one node, and enrolment."""
