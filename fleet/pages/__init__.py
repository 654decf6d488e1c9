"""What people see first: the shell, the overview, settings, and health for machines."""
