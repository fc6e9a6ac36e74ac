"""The stand-in for GitHub that `postil demo` runs on loopback, and that the tests run in process."""
