"""A terminal chat client for Ollama that knows when to stop.

Importing this package loads no screen library and no HTTP client; the parts do that when used.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
