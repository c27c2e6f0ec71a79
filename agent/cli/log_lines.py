"""The form of a log line: `<time> level=... part=... key=value ...`, one fact a line, safe for a terminal.

What came from outside may have got into a message: everything unprintable is escaped, so that no text can begin a line
of its own or move a cursor. Stack traces keep their lines, indented, so that a line that is not indented is a fact.
"""

import logging

from agent.journal.export import escaped

FORMAT = "%(asctime)s level=%(levelname)s part=%(name)s %(message)s"
DATE_FORMAT = "%Y-%m-%dT%H:%M:%S%z"


class LogLines(logging.Formatter):
    """Formats records as safe lines."""

    def __init__(self) -> None:
        super().__init__(FORMAT, DATE_FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line without a stack trace, escaped."""
        return escaped(super().formatMessage(record))

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's name
        """Return a stack trace, each line escaped and indented."""
        return _indented(super().formatException(ei))  # type: ignore[arg-type]

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - logging's name
        """Return a stack, each line escaped and indented."""
        return _indented(super().formatStack(stack_info))


def _indented(text: str) -> str:
    return "\n".join(f"    {escaped(line)}" for line in text.split("\n"))
