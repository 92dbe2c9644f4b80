"""What holds for all tests."""

from hypothesis import settings

# The time of an example says something of the machine, not of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
