"""``python -m kantor``: the same as the command ``kantor``."""

from kantor.cli import main

main()
