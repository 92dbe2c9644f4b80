"""The task server's routes: what daemons speak, and what operators do; they check, and leave the doing to the nouns."""
