"""`python -m receiver.cli`."""

from receiver.cli import main

main()
