"""Data that checks share: names of libraries' calls, classes and exceptions. Facts, with where they come from."""
