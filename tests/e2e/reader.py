"""A reader that resolves and reads through a link in a tight loop, as a program of its own.

``python reader.py LINK FILE READY STOP WORD…``: until the file STOP exists, reads LINK/FILE; each failure,
and each content that is none of the WORDs, counts. Prints ``reads failures``.
"""

import os
import sys


def main(link: str, name: str, ready: str, stop: str, *words: str) -> None:
    good = {word.encode() for word in words}
    path = os.path.join(link, name)
    reads = failures = 0
    open(ready, "w").close()
    while not os.path.exists(stop):
        for _ in range(200):
            reads += 1
            try:
                fd = os.open(path, os.O_RDONLY)
                try:
                    failures += os.read(fd, 100) not in good
                finally:
                    os.close(fd)
            except OSError:
                failures += 1
    print(reads, failures)


if __name__ == "__main__":
    main(*sys.argv[1:])
