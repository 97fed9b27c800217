"""``python -m relstore``."""

from relstore.cli.main import main

main()
