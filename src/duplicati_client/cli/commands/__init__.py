"""One module a verb, loaded only when that verb is called."""
