import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from place import place, pytest_runtest_logreport, pytest_sessionfinish  # noqa: F401
