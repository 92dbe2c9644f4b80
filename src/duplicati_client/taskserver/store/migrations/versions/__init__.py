"""One step a module; the text of each is in the file beside it."""
