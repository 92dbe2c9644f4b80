"""One Duplicati server as a typed Python library; of the rest of the package it knows `http`, `errors`, `outcome`."""
