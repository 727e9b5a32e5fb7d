"""The agent that learns, and what it is judged by."""

import os

# Large pages for torch's tensors where Linux leaves that to the program: a twentieth of an update. Read by torch at its
# first allocation, so it stands before anything of this package.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
