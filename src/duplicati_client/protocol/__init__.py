"""What programs of this package say to each other: data and rules, no input or output."""
