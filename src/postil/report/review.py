"""A review as text for a terminal."""

from postil.report.checked import printable
from postil.review.model import Review


def review_text(review: Review) -> str:
    """What the App would post, for a terminal."""
    lines: list[str] = []
    for comment in review.comments:
        place = f"{comment.start_line}-{comment.line}" if comment.start_line else f"{comment.line}"
        lines += [f"── {comment.path}:{place}  {comment.rule}", *shown(comment.body), ""]
    if review.body:
        lines += ["── review", *shown(review.body), ""]
    lines += [
        f"── check run: {review.check.conclusion} · {review.check.title}",
        *shown(review.check.summary),
    ]
    return "\n".join(printable(line) for line in lines)


def shown(markdown: str) -> list[str]:
    """The lines of a comment or a review without its hidden markers, indented."""
    visible = "\n".join(line for line in markdown.split("\n") if not line.startswith("<!--")).strip()
    return [f"   {line}".rstrip() for line in visible.split("\n")]
