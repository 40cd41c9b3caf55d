"""What these tests share."""

from tests.checkout import copied

__all__ = ["copied"]
