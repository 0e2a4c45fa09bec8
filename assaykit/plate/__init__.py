"""plate."""
