"""What a disk file is: recognised from its content, and refused unless it is safe to keep and to run."""

from connector.formats.gate import Recognised, inspect

__all__ = ["Recognised", "inspect"]
