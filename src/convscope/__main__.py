"""``python -m convscope``."""

from convscope.app.cli import main

main()
