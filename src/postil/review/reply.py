"""What is answered to a command, and what then holds on the pull request.

Pure. What a rule's page says is said in its words; what people wrote goes through `markup`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from postil.review import orders as standing
from postil.review.command import COMMANDS, RECHECK, Command, nearest
from postil.review.compose import BACK, counted, effects, explained, on_whose_word, stepped_back, where_read
from postil.review.config import FILES
from postil.review.markup import link, prose, quoted
from postil.review.model import RuleWords
from postil.review.orders import Ignore, Orders
from postil.review.plan import Plan

REVIEWING = frozenset({RECHECK, "ignore", "unignore", "resume"})
"""The commands that a review may follow."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What an answer depends on.

    `login` gave the command; `words` are those of all rules by name. The configuration was read from `config` (as
    "main@abc1234"), whose files are at `files_url` ("" where there is nothing to link to).
    """

    login: str
    plan: Plan
    words: Mapping[str, RuleWords]
    config: str
    files_url: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer ("" where the review that follows is one), the orders that hold now, and whether a review follows."""

    text: str
    orders: Orders
    review: bool = False


def obey(command: Command, orders: Orders, now: Circumstances) -> Reply:
    """Do what a permitted command asks for, as far as that is a matter of words and orders."""
    match command.name:
        case "recheck":
            return Reply("", orders, review=True)
        case "explain":
            return Reply(_explain(command, now), orders)
        case "ignore" | "unignore":
            return (_ignore if command.name == "ignore" else _unignore)(command, orders, now)
        case "pause":
            return _pause(orders, now.login)
        case "resume":
            return _resume(orders)
        case "config":
            return Reply(_configuration(orders, now), orders)
        case "unknown":
            return Reply(_unknown(command), orders)
        case _:
            return Reply(_help(), orders)


def refused(login: str, command: Command) -> str:
    """The answer to somebody who may not give a command."""
    written = command.written if command.name == RECHECK else f"/postil {command.name}"
    return f"Sorry, {quoted(login)}: {quoted(written)} is for the author and for people with write access."


def joined(replies: Sequence[tuple[Command, Reply]]) -> str:
    """The one answer to all commands of a comment, in their order; "" where none needs one."""
    said = [(command, reply.text) for command, reply in replies if reply.text]
    if len(said) < 2:
        return "".join(text for _, text in said)
    return "\n\n".join(f"{quoted(command.written)}\n\n{text}" for command, text in said)


def _help() -> str:
    listed = "\n".join(f"- {quoted(written)} {does}" for written, does in COMMANDS.items())
    return (
        f"Commands for the author and for people with write access, each on a line of its own in a comment:\n\n{listed}"
    )


def _unknown(command: Command) -> str:
    near = nearest(command.written)
    more = "" if near == "/postil help" else " `/postil help` lists all commands."
    return f"There is no {quoted(command.written)}; did you mean {quoted(near)}?{more}"


def _no_rule(command: Command, now: Circumstances) -> str:
    """The answer where a command names no rule that exists."""
    if not command.rule:
        usage = next(known for known in COMMANDS if known.startswith(f"/postil {command.name}"))
        return f"Which rule? Write {quoted(usage)}."
    near = get_close_matches(command.rule, [*now.words, *now.plan.aliases], 1)
    meant = f"; did you mean {quoted(now.plan.aliases.get(near[0], near[0]))}?" if near else "."
    return f"There is no rule {quoted(command.rule)}{meant}"


def _known(command: Command, now: Circumstances) -> str | None:
    """The present name of the rule that a command names."""
    rule = now.plan.aliases.get(command.rule, command.rule)
    return rule if rule in now.words else None


def _explain(command: Command, now: Circumstances) -> str:
    rule = _known(command, now)
    if rule is None:
        return _no_rule(command, now)
    choice = now.plan.choice
    here = "The rule is on in this repository." if rule in choice.rules else "The rule is off in this repository."
    if (step := now.plan.steps.get(rule)) is not None:
        here = stepped_back("The rule", step)
    return f"{explained(now.words[rule])}\n\n{here}"


def _ignore(command: Command, orders: Orders, now: Circumstances) -> Reply:
    rule = _known(command, now)
    if rule is None:
        return Reply(_no_rule(command, now), orders)
    ignore = Ignore(rule, now.login, command.reason)
    changed = orders.ignoring(ignore)
    if len(changed.ignored) > standing.MOST_IGNORED:
        most = counted(standing.MOST_IGNORED, "rule")
        return Reply(f"A pull request ignores {most} at most; more is a matter of the configuration.", orders)
    text = (
        f"{quoted(rule)} is ignored in this pull request, {on_whose_word(ignore)}\n\n"
        f"{_follows(orders)} {quoted(f'/postil unignore {rule}')} takes this back."
    )
    if other := _other_rule(command, now):
        text += f" A line is about one rule: {quoted(other)} is not ignored by this one."
    return Reply(text, changed, review=True)


def _other_rule(command: Command, now: Circumstances) -> str:
    """A rule that a reason begins with, as where somebody gave several with commas or "and" between; "" for none."""
    words = [word.strip(",`'\".:;") for word in command.reason.split(" ")[:2]]
    name = words[-1] if words[0] in {"and", "&", "+"} else words[0]
    return name if name in now.words or name in now.plan.aliases else ""


def _unignore(command: Command, orders: Orders, now: Circumstances) -> Reply:
    rule = _known(command, now)
    ignored = orders.by_rule(now.plan.aliases)
    if rule is None and command.rule not in ignored:
        return Reply(_no_rule(command, now), orders)
    rule = rule or command.rule
    if rule not in ignored:
        return Reply(f"{quoted(rule)} is not ignored in this pull request.", orders)
    text = f"{quoted(rule)} is heeded again. {_follows(orders)}"
    return Reply(text, orders.heeding(ignored[rule].rule), review=True)


def _follows(orders: Orders) -> str:
    return "Reviews are paused, so the next one shows it." if orders.paused_by else "A review follows."


def _pause(orders: Orders, login: str) -> Reply:
    if orders.paused_by:
        return Reply(f"Reviews are paused already, by {quoted(orders.paused_by)}.", orders)
    text = (
        "Reviews of this pull request are paused, and the check of a new push says so. "
        "`/postil resume` takes that back; `/recheck` asks for one review."
    )
    return Reply(text, replace(orders, paused_by=login))


def _resume(orders: Orders) -> Reply:
    if not orders.paused_by:
        return Reply("Reviews are not paused.", orders)
    return Reply("Reviews go on, and one follows.", replace(orders, paused_by=""), review=True)


def _configuration(orders: Orders, now: Circumstances) -> str:
    plan, config = now.plan, now.plan.config
    at = where_read(now.config)
    if plan.source == "defaults":
        where = f"The defaults hold: {at} has neither {quoted(FILES[0])} nor `[tool.postil]` in {quoted(FILES[1])}."
    else:
        url = f"{now.files_url}/{plan.source}" if now.files_url else ""
        where = f"The configuration is {link(quoted(plan.source), url)} of {at}."
    rules = f"{len(plan.choice.rules)} of {counted(len(now.words), 'rule')} are on."
    verdict = "errors" if config.threshold == "error" else "errors and warnings"
    drafts = "Drafts are reviewed" if config.drafts else "Drafts are not reviewed"
    bots = "what bots open is not" if config.bots == "skip" else "what bots open is"
    effect = f"{rules} The check fails on {verdict}. {drafts}; {bots}."
    parts = [where, effect]
    if does := [f"- {each}" for each in effects(config)]:
        parts.append("\n".join(["What it changes:", "", *does]))
    if plan.faults:
        faults = [f"- {prose(fault, 500)}" for fault in plan.faults]
        parts.append("\n".join(["What is wrong in it:", "", *faults]))
    if back := [f"- {stepped_back(quoted(rule), step)}" for rule, step in sorted(plan.steps.items())]:
        parts.append("\n".join(["What stepped back:", "", *back, f"- {BACK}"]))
    held = [f"- {quoted(each.rule)} is ignored, {on_whose_word(each)}" for each in orders.ignored]
    held += [f"- reviews are paused, by {quoted(orders.paused_by)}"] if orders.paused_by else []
    if held:
        parts.append("\n".join(["In this pull request:", "", *held]))
    return "\n\n".join(parts)
