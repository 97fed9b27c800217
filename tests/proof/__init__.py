"""The proof that nothing is ever lost: what would find a violation of the promises, if there were one.

``python -m tests.proof`` tries everything and prints a table; ``test_short`` tries a part of each in CI. The
programs are the real ones, the faults come from the kernel's side (strace, a full file system), and each check
looks at the disk. Not for behaviour that a test beside its module shows.
"""
