"""The parts of ``relstore demo``: an SSH server, a web service, a caller of the service, and the story."""
