"""The face of 2.1 and later: tokens, V1 and V2, the live socket."""
