"""`python -m ollama_tui`."""

from ollama_tui.cli import main

main()
