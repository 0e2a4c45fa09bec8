"""cytometry."""
