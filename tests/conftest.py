"""What every folder of tests may ask for."""

import pytest


@pytest.fixture(scope="session")
def fetched():
    """The path of a real model or data set; the test is skipped where it is not there."""
    from tinyft import pretrained

    def path(name):
        try:
            return pretrained.fetched(name)
        except FileNotFoundError as error:
            pytest.skip(str(error))

    return path
