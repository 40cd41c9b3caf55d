"""What these tests share."""

from tests.checkout import copied, wafersim

__all__ = ["copied", "wafersim"]
