"""The proof that nothing is ever lost: programs that try to find a violation of the promises.

``python -m tests.proof`` runs everything and prints a table; ``test_short`` runs a part of each in CI. The
programs under test are the real ones, the faults come from the kernel's side (strace, a full file system), and
each check examines the disk. Not for behaviour that a test beside its module shows.
"""
