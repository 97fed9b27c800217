"""The commands. The only package that prints, reads the environment or exits."""
