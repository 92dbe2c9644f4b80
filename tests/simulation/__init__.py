"""A daemon, a task server and Duplicati servers in one process, under one clock and one seed.

`python -m tests.simulation SEED` shows one world, `python -m tests.simulation 1..200` what is wrong with many.
The daemon is the real one, its threads included. They run one at a time, and hand over only where they would wait: for
each other, for the disk, for the network, for time to pass. What comes next is then a matter of the seed alone.
"""
