"""``python -m aletheia.cli``."""

from aletheia.cli import main

main()
