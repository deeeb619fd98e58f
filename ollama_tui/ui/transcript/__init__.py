"""The conversation, drawn by one widget whatever its length."""

from ollama_tui.ui.transcript.message import MessageData, Note
from ollama_tui.ui.transcript.widget import Transcript

__all__ = ["MessageData", "Note", "Transcript"]
