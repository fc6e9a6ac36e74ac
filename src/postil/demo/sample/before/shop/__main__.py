"""Writes the day's orders to a file: `python -m shop`."""

import argparse


def parser() -> argparse.ArgumentParser:
    commands = argparse.ArgumentParser(description="Write the day's orders to a file")
    commands.add_argument("--day", required=True)
    return commands
