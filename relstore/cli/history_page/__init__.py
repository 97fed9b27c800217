"""The page of ``relstore history``: one file that a browser shows, made of values that hosts sent."""
