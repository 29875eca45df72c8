"""``python -m plait._serve MODULE``: answers requests with ``MODULE.handle``.

A request is its size (8 bytes, little endian) and the bytes; an answer is a
flag (1: it is an error message), its size and the bytes. Whatever libraries
print goes to standard error.
"""

import importlib
import os
import struct
import sys
import traceback

from plait.errors import FrontendError


def main():
    """Serves until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    handle = importlib.import_module(sys.argv[1]).handle
    requests = sys.stdin.buffer
    while header := requests.read(8):
        payload = requests.read(*struct.unpack("<Q", header))
        try:
            failed, answer = False, handle(payload)
        except FrontendError as error:
            failed, answer = True, str(error).encode()
        except Exception:  # Nothing is hidden: the caller raises it with this traceback.
            failed, answer = True, traceback.format_exc().encode()
        answers.write(struct.pack("<?Q", failed, len(answer)) + answer)
        answers.flush()


if __name__ == "__main__":
    main()
