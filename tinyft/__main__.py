"""`python -m tinyft` is the command `tinyft`."""

from tinyft.cli import main

if __name__ == "__main__":
    main()
