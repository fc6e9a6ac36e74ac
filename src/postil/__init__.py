"""Postil reviews pull requests of Python services against a written guideline."""
