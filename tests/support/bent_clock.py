"""A clock that is wrong for one program alone, because this machine needs its own."""

from __future__ import annotations

BENT_CLOCK = '''
import os, sys
_, file, python, *words = sys.argv
flags = []
while words[0].startswith("-") and words[0] != "-c":
    flags.append(words.pop(0))
    if flags[-1] == "-X":
        flags.append(words.pop(0))
if words[0] == "-c":
    code, words = words[1], words[2:]
else:
    code = f"import runpy, sys\\nsys.argv[0] = {words[0]!r}\\nrunpy.run_path({words[0]!r}, run_name='__main__')"
    words = words[1:]
clock = f"""
import time
def offset(open=open):
    with open({file!r}) as file:
        return int(file.read())
time.time = lambda real=time.time: real() + offset()
time.time_ns = lambda real=time.time_ns: real() + offset() * 10**9
"""
os.execv(python, [python, *flags, "-c", clock + code, *words])
'''
"""Runs a Python program in which ``time.time`` is off by the seconds in a file. The clock of the machine stays."""
