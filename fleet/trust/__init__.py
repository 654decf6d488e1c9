"""Who may do what: people, sites, grants, enrolment tokens, the server key, the audit trail."""
