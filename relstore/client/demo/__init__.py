"""What ``relstore demo`` is made of: an SSH server, a web service, somebody who calls it, and the story."""
