"""A running book as lines of a file: one loan a line, read into terms and the event of its taking over, and back.

`content` knows the columns and how each is written, `agreement` what a line means, `totals` adds lines up.
"""

from mingqu.domain.taking_over.agreement import TakenOver, content_of, taken_over
from mingqu.domain.taking_over.content import (
    COLUMNS,
    HEADER,
    HEADERS,
    Content,
    Fault,
    parse_content,
    reference_fault,
    references_sound,
)
from mingqu.domain.taking_over.totals import BUCKETS, Totals, bucket_of

__all__ = [
    "BUCKETS",
    "COLUMNS",
    "HEADER",
    "HEADERS",
    "Content",
    "Fault",
    "TakenOver",
    "Totals",
    "bucket_of",
    "content_of",
    "parse_content",
    "reference_fault",
    "references_sound",
    "taken_over",
]
