"""What `postil check` and `postil review` print: one module a format, from plain values. Pure."""
