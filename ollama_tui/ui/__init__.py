"""The screen. Nothing outside imports this but the function of the command line that starts it."""
