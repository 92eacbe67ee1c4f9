"""``python -m trainer``: the command line (see `trainer.cli.commands` for the table of commands)."""

from trainer.cli.commands import main

if __name__ == "__main__":
    main()
