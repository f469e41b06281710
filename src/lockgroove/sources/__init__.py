"""Where music may lawfully be gathered: one module per source, and what they share to read sound."""
