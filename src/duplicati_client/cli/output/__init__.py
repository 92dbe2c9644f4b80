"""How answers are written: for people as tables and pages, for programs as JSON, YAML, CSV or bare ids."""
