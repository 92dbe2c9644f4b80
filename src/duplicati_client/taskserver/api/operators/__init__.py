"""What operators do over HTTP, under `api/v1/`; each module is one noun."""
